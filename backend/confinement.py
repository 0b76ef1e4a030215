"""The bounds of a process that runs or reads what nobody vouches for: its memory, its time, its files, and with whom it ends."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_NICE = 5
# How the C++ runtime, Rust, OpenBLAS, OpenMP, Arrow and Python say it; a thread that cannot be started found no room for its stack.
_OUT_OF_MEMORY_SIGNS = (
    "bad_alloc",
    "cannot allocate memory",
    "failed to allocate",
    "memory allocation of",
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
    _lower(resource.RLIMIT_DATA, megabytes * 2**20)
    _lower(resource.RLIMIT_CORE, 0)


def cap_processor(seconds: int) -> None:
    """End the process (SIGXCPU) once it has computed for so long; what it computed before is not counted where it was forked."""
    _lower(resource.RLIMIT_CPU, seconds)


def cap_files(megabytes: int) -> None:
    """Refuse to write a file larger than this (OSError, EFBIG)."""
    _lower(resource.RLIMIT_FSIZE, megabytes * 2**20)


def leave_no_core() -> None:
    """Not even to a program that takes the cores of a machine, as on many desktops, for which their limit does not count."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0)


def let_others_first(nice: int = _NICE) -> None:
    """Predictions are answered before this goes on, and the system that runs out of memory ends this first."""
    with contextlib.suppress(OSError):
        os.nice(nice)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")


def is_out_of_memory(text: str) -> bool:
    """Whether these words of a library or of the system mean that memory ran out."""
    return any(sign in text.lower() for sign in _OUT_OF_MEMORY_SIGNS)


def _lower(kind: int, value: int) -> None:
    """Both limits where the system allows, so that nothing in the process raises it again."""
    _, hard = resource.getrlimit(kind)
    bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bounded, bounded))
