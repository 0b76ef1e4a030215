"""What the reader and those who ask it say to each other."""

from dataclasses import dataclass

DONE, CRASHED, OUT_OF_MEMORY, TOO_LARGE, DISK_FULL = 0, 1, 3, 4, 5
DESCRIPTORS = 4
LONGEST_ORDER = 4096
TAKEN = b"+"


@dataclass(frozen=True)
class Order:
    """What to do and how much it may take: megabytes of memory and of one file, seconds of time and of a processor.

    `nice` is how far others go first (nice(2)).
    """

    task: str
    memory_mb: int
    file_mb: int
    seconds: float
    nice: int = 0


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit status (negative: a signal), and whether its time was over."""

    status: int
    overdue: bool
