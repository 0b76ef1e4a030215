"""A trained model as a folder: `signet.json` (its signature) beside the algorithm's own files, which are never pickle."""

import json
import shutil
import tempfile
from pathlib import Path

from backend.algorithms.catalog import get_algorithm
from backend.algorithms.contract import Algorithm
from backend.algorithms.manifest import Manifest, fingerprint, verify_bundle
from backend.algorithms.pickles import verify_no_pickle
from backend.algorithms.signature import SIGNATURE_FILE, Signature
from backend.errors import Conflict, Invalid


def write_bundle(folder: Path, algorithm: Algorithm, signature: Signature) -> Manifest:
    """Save a fitted algorithm with its signature; the folder appears whole or not at all.

    Raises Conflict where the folder exists and holds something, Invalid where the algorithm wrote a pickle, a link or `signet.json`.
    """
    if (algorithm.name, algorithm.task) != (signature.algorithm, signature.task):
        raise Invalid("The signature is that of another algorithm or task.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        manifest = _fill(draft, algorithm, signature)
        _move(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def read_bundle(folder: Path, manifest: Manifest, threads: int = 1) -> tuple[Algorithm, Signature]:
    """The algorithm, ready to predict, and its signature; DigestMismatch before one changed byte is parsed.

    An altered model file can crash the process that loads it, so the manifest that was recorded at training is no option here.
    `threads` is how many native threads it may predict with.
    """
    verify_bundle(folder, manifest)
    signature = Signature.from_json(json.loads((folder / SIGNATURE_FILE).read_text("utf-8")))
    algorithm = get_algorithm(signature.algorithm).load(folder)
    if algorithm.task != signature.task:
        raise Invalid(f"The model's files are for {algorithm.task}, its signature for {signature.task}.")
    algorithm.use_threads(threads)
    return algorithm, signature


def _fill(draft: Path, algorithm: Algorithm, signature: Signature) -> Manifest:
    algorithm.save(draft)
    if (draft / SIGNATURE_FILE).exists():
        raise Invalid(f"The algorithm '{algorithm.name}' wrote a file named {SIGNATURE_FILE}, which is not its own.")
    text = json.dumps(signature.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (draft / SIGNATURE_FILE).write_text(text, "utf-8")
    manifest = fingerprint(draft)
    verify_no_pickle(draft)
    return manifest


def _move(draft: Path, folder: Path) -> None:
    try:
        draft.rename(folder)
    except OSError as error:
        raise Conflict("The folder of the model already holds something.", cause=repr(error)) from error
