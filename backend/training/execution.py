"""One claimed job is trained: a spec comes in; the result on disk goes out, or in what way the training failed."""

import shutil
import signal
from pathlib import Path

from backend.algorithms.manifest import Manifest, verify_bundle
from backend.confinement import is_out_of_memory
from backend.errors import SignetError, TrainingImpossible
from backend.settings import Settings
from backend.training.keeper import Keeper
from backend.training.limits import out_of_memory
from backend.training.process import TrainingProcess
from backend.training.spec import RESULT_FOLDER, Result, Spec


class Crashed(Exception):
    """The training process ended without a result or a reason; `words` is for the person, `cause` for the log."""

    def __init__(self, words: str, cause: str) -> None:
        super().__init__(words)
        self.words, self.cause = words, cause


def job_folder(settings: Settings, job_id: str) -> Path:
    """Where a job's spec, log and result are until it is registered."""
    return settings.data / "jobs" / job_id


def find_result(folder: Path) -> Result | None:
    """The whole, unharmed result in a job's folder; one that a power cut has harmed is removed."""
    found = folder / RESULT_FOLDER
    if not found.is_dir():
        return None
    try:
        result = Result.read(found)
        verify_bundle(found / "bundle", Manifest.from_json(result.manifest))
    except (OSError, ValueError, KeyError, TypeError, SignetError):
        shutil.rmtree(found, ignore_errors=True)
        return None
    return result


def train_in_process(settings: Settings, spec: Spec, keeper: Keeper) -> Result:
    """The result that is there already, or that of a training process.

    Raises TrainingImpossible with the reason in words, Crashed, or Ended where the keeper says so; then no process is left.
    """
    folder = job_folder(settings, spec.job_id)
    if result := find_result(folder):
        return result
    cache = settings.data / "cache"
    for needed in (folder, cache):
        needed.mkdir(parents=True, exist_ok=True, mode=0o700)
    spec.write(folder)
    process = TrainingProcess(folder, threads=spec.threads, cache=cache)
    status, refusal = _follow(process, keeper)
    keeper.verify()
    if refusal:
        raise TrainingImpossible(refusal)
    # Whole or not there: a library that crashes while the process takes leave harms nothing.
    if result := find_result(folder):
        return result
    words = process.last_words()
    if is_out_of_memory(words):
        raise TrainingImpossible(out_of_memory(spec.memory_mb), cause=words)
    raise Crashed(_how(status), words)


def _follow(process: TrainingProcess, keeper: Keeper) -> tuple[int, str]:
    """Show what the process reports until it has ended; its exit status and the refusal, if any, in words."""
    refusal = ""
    try:
        keeper.interrupting(process.kill)
        for message in process.messages():
            refusal = str(message.get("refused", refusal))
            keeper.step = str(message.get("step", keeper.step))[:32]
            keeper.progress = float(message.get("progress", keeper.progress))
    except BaseException:
        process.kill()
        raise
    finally:
        status = process.finish()
        keeper.interrupting(None)
    return status, refusal


def _how(status: int) -> str:
    if status == -signal.SIGKILL:
        return "the system ended it, most likely because the machine ran out of memory"
    if status < 0:
        return f"a library in it crashed with {signal.Signals(-status).name}"
    return "an unexpected error; the log of the worker has it whole"
