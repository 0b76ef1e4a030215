"""Large pieces of memory go back to the machine as soon as they are free, and what every request needs stays at hand."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
_LARGE = 1024 * 1024
# Free memory that each of the allocator's heaps keeps at its end. With glibc's 128 kB what a request of some hundred kilobytes works on goes
# back to the kernel after it, and is handed out and cleared again, page by page, for the next one: a third of such a request's time.
_AT_HAND = 4 * _LARGE


def return_large_pieces() -> None:
    """Keep glibc from raising the size from which a piece is a mapping of its own; elsewhere nothing is done.

    It raises it to the largest piece that was ever freed. From then on bodies of many megabytes, and what hashing a password takes,
    come from the heaps of the threads and stay there: each thread ends up holding as much as its largest request.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _LARGE)
        tune(_M_TRIM_THRESHOLD, _AT_HAND)
