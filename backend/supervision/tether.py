"""A process whose life ends with its parent's, even where the parent is killed outright."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the process `parent` ends; SystemExit where it has ended already.

    The tie outlives `exec`, not `fork`. Only Linux has it; elsewhere an orderly stop is all there is.
    """
    if sys.platform != "linux":
        return
    # SIGKILL and not SIGTERM: nobody is left to press on if the process lingers.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A parent that ended before the call above sends no signal any more.
    if os.getppid() != parent:
        raise SystemExit(f"the process {parent} that should watch over this one has ended")
