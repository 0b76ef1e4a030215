"""Memory of models that are gone goes back to the system."""

import ctypes
import gc


def give_back() -> None:
    """Hand free memory back (glibc keeps it otherwise, in the pieces that a large model leaves); elsewhere only what is in cycles is freed."""
    # A model is held in reference cycles, and a server process collects its oldest generation seldom.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
