"""A platform whose processes are a few lines each: `python -m tests.supervision.stand_in HOME ROLES`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from backend.errors import SignetError
from backend.settings import Settings
from backend.supervision.launch import make_folders, run_roles
from backend.supervision.preflight import hold_home
from backend.supervision.roles import Role

_TIE = """import sys
sys.path.insert(0, {repository!r})
from backend.supervision.tether import die_with
die_with({parent})
"""


def main(home: str, roles: str) -> int:
    settings = Settings(home=Path(home))
    tie = _TIE.format(repository=str(Path.cwd()), parent=os.getpid())
    make_folders(settings)
    parts = [_role(settings.data, tie, **role) for role in json.loads(roles)]
    try:
        with hold_home(settings):
            return 0 if run_roles(settings, parts) else 1
    except SignetError as error:
        print(error.detail, file=sys.stderr)
        return 2


def _role(folder: Path, tie: str, script: str, **role: Any) -> Role:
    program = folder / f"{role['name']}.py"
    program.write_text(tie + script)
    return Role(argv=(sys.executable, str(program)), **role)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
