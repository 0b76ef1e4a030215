"""An outside judge of TLS, in an environment of its own: it holds `cryptography` to an older version than ours."""

import subprocess
import venv
from pathlib import Path

from filelock import FileLock

from tests.left_out import leave_out

JUDGE = "sslyze==6.3.1"


def sslyze_in(shared: Path) -> Path:
    """The program; made once for all the processes of a test run that share the folder."""
    folder = shared / "sslyze"
    program = folder / "bin" / "sslyze"
    with FileLock(shared / "sslyze.lock"):
        if not program.exists():
            venv.create(folder, with_pip=True)
            install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", JUDGE]
            made = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
            if made.returncode != 0:
                leave_out(f"{JUDGE} cannot be installed here: {made.stderr[-300:]}")
    return program
