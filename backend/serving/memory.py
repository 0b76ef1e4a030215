"""Memory of models that are gone goes back to the system."""

import ctypes


def give_back() -> None:
    """Hand free memory back (glibc keeps it otherwise, in the pieces that a large model leaves); elsewhere nothing happens.

    Nothing waits for the collector: a version is in no reference cycle, so it is free when the last request that it answers is over.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
