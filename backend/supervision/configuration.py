"""The roles written as a configuration of the supervisor library."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from backend.supervision.roles import Role

# A process that ran this long had started well; one that ends sooner is started again more and more slowly.
STARTED_WELL_SECONDS = 10

_SUPERVISORD = """\
[supervisord]
nodaemon=true
silent=true
logfile=%(here)s/../logs/supervisor.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile=%(here)s/up.pid
minfds=256
minprocs=1
"""

_ROLE = """\
[program:{name}]
command={command}
priority={priority}
environment={environment}
redirect_stderr=true
stdout_events_enabled=true
stopsignal=TERM
stopasgroup=true
killasgroup=true
stopwaitsecs={stop_seconds}
"""

# Two percent signs: the library expands this one value twice.
_KEPT = """\
autorestart=true
startsecs={started_well}
startretries=1000000000
stdout_logfile=%%(here)s/../logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=5
"""

# What a task says may hold the first password, so it is shown and not kept.
_ONCE = """\
autorestart=false
startsecs=0
stdout_logfile=NONE
"""


def write_configuration(run: Path, roles: Iterable[Role]) -> Path:
    """The file to start from, in the folder `run`; logs go to its neighbour `logs`."""
    path = run / "supervisord.conf"
    path.write_text("\n".join([_SUPERVISORD, *map(_section, roles)]), encoding="utf-8")
    return path


# Unbuffered: a line is seen when it is written, and the last ones before a crash are not lost. Passive: native threads
# that wait give the processor away.
_ALWAYS = {"PYTHONUNBUFFERED": 1, "OMP_WAIT_POLICY": "PASSIVE"}


def _section(role: Role) -> str:
    text = _ROLE + (_ONCE if role.once else _KEPT)
    return text.format(
        name=role.name,
        command=_command(role.argv),
        priority=role.priority,
        environment=_environment(role),
        stop_seconds=role.stop_seconds,
        started_well=STARTED_WELL_SECONDS,
    )


def _environment(role: Role) -> str:
    caps = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), role.threads)
    openssl = {"OPENSSL_CONF": str(role.openssl).replace("%", "%%")} if role.openssl else {}
    return ",".join(f'{name}="{value}"' for name, value in (caps | _ALWAYS | openssl).items())


def _command(argv: Iterable[str]) -> str:
    """Words quoted for shlex, which reads the line; with no blank before # or ; (a comment) and no bare % (an expansion)."""
    quoted = " ".join(shlex.quote(word) for word in argv)
    for mark in "#;":
        quoted = quoted.replace(f" {mark}", f" '\"{mark}\"'")
    return quoted.replace("%", "%%")
