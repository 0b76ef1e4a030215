"""A trained model as a folder: `signet.json` (its signature) beside the algorithm's own files, which are never pickle.

`signet/` holds the recorded probe and, where one was kept, the compiled form.
"""

import json
import logging
import shutil
import tempfile
from pathlib import Path

from backend.algorithms.catalog import get_algorithm
from backend.algorithms.compilation import Compiled
from backend.algorithms.contract import Algorithm, FormUnavailable
from backend.algorithms.manifest import Manifest, fingerprint, verify_bundle
from backend.algorithms.pickles import verify_no_pickle
from backend.algorithms.probe import Answering, Probe
from backend.algorithms.signature import SIGNATURE_FILE, Signature
from backend.errors import Conflict, Invalid

_OURS, _COMPILED, _FORM_FILE = "signet", "compiled", "form.json"
_log = logging.getLogger(__name__)


def write_bundle(
    folder: Path, algorithm: Algorithm, signature: Signature, compiled: Compiled | None = None
) -> Manifest:
    """Save a fitted algorithm with its signature, probe and compiled form; the folder appears whole or not at all.

    Raises Conflict where the folder exists and holds something, Invalid where the algorithm wrote a pickle, a link or a name of ours.
    """
    if (algorithm.name, algorithm.task) != (signature.algorithm, signature.task):
        raise Invalid("The signature is that of another algorithm or task.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        manifest = _fill(draft, algorithm, signature, compiled)
        _move(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def read_bundle(folder: Path, manifest: Manifest, threads: int = 1) -> tuple[Algorithm, Signature]:
    """The algorithm, ready to predict, and its signature; DigestMismatch before one changed byte is parsed.

    An altered model file can crash the process that loads it, so the manifest that was recorded at training is no option here.
    `threads` is how many native threads it may predict with.
    """
    signature = _verified(folder, manifest)
    return _original(folder, signature, threads), signature


def read_served(folder: Path, manifest: Manifest, threads: int) -> tuple[Answering, Signature, Probe | None]:
    """What answers fastest (the compiled form where there is one), the signature, and the probe; refuses as `read_bundle` does.

    Versions of before there were probes have none.
    """
    signature = _verified(folder, manifest)
    answering = _form(folder, signature) or _original(folder, signature, threads)
    probe = Probe.load(folder / _OURS) if (folder / _OURS).is_dir() else None
    return answering, signature, probe


def _verified(folder: Path, manifest: Manifest) -> Signature:
    verify_bundle(folder, manifest)
    return Signature.from_json(json.loads((folder / SIGNATURE_FILE).read_text("utf-8")))


def _original(folder: Path, signature: Signature, threads: int) -> Algorithm:
    algorithm = get_algorithm(signature.algorithm).load(folder)
    if algorithm.task != signature.task:
        raise Invalid(f"The model's files are for {algorithm.task}, its signature for {signature.task}.")
    algorithm.use_threads(threads)
    return algorithm


def _form(folder: Path, signature: Signature) -> Answering | None:
    kept = folder / _OURS / _COMPILED
    if not kept.is_dir():
        return None
    name = json.loads((folder / _OURS / _FORM_FILE).read_text("utf-8"))["form"]
    forms = {form.name: form for form in get_algorithm(signature.algorithm).forms}
    try:
        return forms[name].load(kept)
    except (KeyError, FormUnavailable) as error:
        _log.warning("the compiled form '%s' cannot be used here, so the original is: %r", name, error)
        return None


def _fill(draft: Path, algorithm: Algorithm, signature: Signature, compiled: Compiled | None) -> Manifest:
    algorithm.save(draft)
    taken = [name for name in (SIGNATURE_FILE, _OURS) if (draft / name).exists()]
    if taken:
        raise Invalid(f"The algorithm '{algorithm.name}' wrote a file named {taken[0]}, which is not its own.")
    text = json.dumps(signature.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (draft / SIGNATURE_FILE).write_text(text, "utf-8")
    if compiled is not None:
        _add_compiled(draft / _OURS, compiled)
    manifest = fingerprint(draft)
    verify_no_pickle(draft)
    return manifest


def _add_compiled(folder: Path, compiled: Compiled) -> None:
    folder.mkdir()
    compiled.probe.save(folder)
    if compiled.form is not None:
        (folder / _COMPILED).mkdir()
        compiled.form.save(folder / _COMPILED)
        (folder / _FORM_FILE).write_text(json.dumps({"form": compiled.form.name}), "utf-8")


def _move(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError as error:
        raise Conflict("The folder of the model already holds something.", cause=repr(error)) from error
