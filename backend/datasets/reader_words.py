"""What the reader and those who ask it say to each other."""

import json
from dataclasses import asdict, dataclass
from typing import Self

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

    def written(self) -> bytes:
        """As one line; a good end may be told twice, by the process itself and when it is gone."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, said: bytes) -> Self:
        """What was told first."""
        return cls(**json.loads(said.split(b"\n", 1)[0]))
