"""The training process: `python -m backend.training.child <job folder> <pid of its worker>`.

It reads `spec.json`, reports on standard output, and leaves `result/`. It has no database, no MLflow and no credential, so that a
library that crashes, hangs or eats memory takes nothing with it.
"""

import importlib
import os
import sys
import traceback
from pathlib import Path

from backend.confinement import cap_memory, die_with, is_out_of_memory, let_others_first
from backend.errors import SignetError
from backend.training.limits import out_of_memory
from backend.training.reporting import Reporter, private_output
from backend.training.spec import Spec

DONE, CRASHED, REFUSED = 0, 1, 3


def main(folder: Path, parent: int) -> int:
    """Train, and say how it went: 0 done, 3 refused in words, anything else a crash."""
    die_with(parent)
    let_others_first()
    report = Reporter(private_output())
    spec = Spec.read(folder)
    cap_memory(spec.memory_mb)
    try:
        # Only now: what it loads takes seconds, in which the worker may die, and this process must not outlive it.
        importlib.import_module("backend.training.train").train(spec, folder, report)
    except SignetError as error:
        report.refused(error.detail)
        return REFUSED
    except MemoryError:
        report.refused(out_of_memory(spec.memory_mb))
        return REFUSED
    except Exception as error:  # whatever a library raises
        traceback.print_exc()
        if not is_out_of_memory(str(error)):
            return CRASHED
        report.refused(out_of_memory(spec.memory_mb))
        return REFUSED
    return DONE


if __name__ == "__main__":
    parent_pid = int(sys.argv[2]) if len(sys.argv) > 2 else os.getppid()
    sys.exit(main(Path(sys.argv[1]), parent_pid))
