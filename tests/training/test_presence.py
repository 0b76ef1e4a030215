"""Whether a worker is there."""

import subprocess
import sys

from backend.settings import REPOSITORY
from backend.training.presence import announced, is_worker_present

_WORKER = """
import sys, time
from pathlib import Path
from backend.training.presence import announced
from backend.settings import Settings
with announced(Settings(home=Path(sys.argv[1]))):
    print("there", flush=True)
    time.sleep(600)
"""


def test_present_while_at_least_one_is(settings):
    assert not is_worker_present(settings)
    with announced(settings):
        with announced(settings):
            assert is_worker_present(settings)
        assert is_worker_present(settings)
    assert not is_worker_present(settings)


def test_killed_worker_is_not_present(settings):
    command = [sys.executable, "-c", _WORKER, str(settings.home)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "there\n"
        assert is_worker_present(settings)
        worker.kill()
    assert not is_worker_present(settings)
