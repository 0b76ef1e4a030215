"""What a request took goes back to the machine when it is over."""

import subprocess
import sys

from backend.settings import REPOSITORY

# As requests do it: threads that live on, each of which once unpacks a body of 16 MB beside smaller ones that it keeps a while.
PROGRAM = """
import sys, threading, zlib
import psutil
from backend.listener.memory import return_large_pieces

if sys.argv[1] == "tuned":
    return_large_pieces()
packed = zlib.compress(bytes(16_000_000))
done, over = threading.Barrier(9), threading.Event()

def work():
    for _ in range(4):
        zlib.decompressobj().decompress(packed, 16_000_001)
        kept = [bytes(1000) for _ in range(100)]
    done.wait()
    over.wait()

before = psutil.Process().memory_info().rss
for _ in range(8):
    threading.Thread(target=work).start()
done.wait()
print((psutil.Process().memory_info().rss - before) // 2**20)
over.set()
"""


def _left(how: str) -> int:
    """Megabytes that the process holds more than before."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    return int(run.stdout)


def test_large_bodies_leave_nothing_behind() -> None:
    assert _left("tuned") < 12
