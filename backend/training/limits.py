"""The bounds of a training process: it dies with its worker, stays within its memory and lets the platform go first."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICE = 5
# How the C++ runtime, OpenBLAS, OpenMP, Arrow and Python say it; a thread that cannot be started found no room for its stack.
_OUT_OF_MEMORY_SIGNS = (
    "bad_alloc",
    "cannot allocate memory",
    "failed to allocate",
    "memory allocation still failed",
    "memoryerror",
    "out of memory",
    "resource temporarily unavailable",
    "thread creation failed",
)


def die_with(parent: int) -> None:
    """End this process when the one that started it ends; where the system cannot promise that, only if it ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def cap_memory(megabytes: int) -> None:
    """Refuse memory beyond this much, and leave no core file with people's data in it.

    The limit is on data, not on addresses: thread stacks and allocators reserve gigabytes of addresses that they never touch.
    """
    limit = megabytes * 2**20
    for kind, value in ((resource.RLIMIT_DATA, limit), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bounded, hard))


def let_others_first() -> None:
    """Predictions are answered before training goes on, and the system that runs out of memory ends training first."""
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")


def is_out_of_memory(text: str) -> bool:
    """Whether these words of a library or of the system mean that memory ran out."""
    return any(sign in text.lower() for sign in _OUT_OF_MEMORY_SIGNS)


def out_of_memory(megabytes: int) -> str:
    """What a person is told."""
    return (
        f"Training needs more memory than the {megabytes} MB that one job may use. Train on fewer rows or columns, or ask the "
        "administrator to raise SIGNET_TRAINING_MEMORY_MB."
    )
