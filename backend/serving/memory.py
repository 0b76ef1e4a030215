"""Memory of models that are gone goes back to the system."""

import ctypes


def give_back() -> None:
    """Hand free memory back (glibc keeps it otherwise, in the pieces that a large model leaves); elsewhere nothing happens."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
