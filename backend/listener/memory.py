"""Large pieces of memory go back to the machine as soon as they are free."""

import ctypes

_M_MMAP_THRESHOLD = -3  # mallopt(3)
_LARGE = 1024 * 1024


def return_large_pieces() -> None:
    """Keep glibc from raising the size from which a piece is a mapping of its own; elsewhere nothing is done.

    It raises it to the largest piece that was ever freed. From then on bodies of many megabytes, and what hashing a password takes,
    come from the heaps of the threads and stay there: each thread ends up holding as much as its largest request.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _LARGE)
