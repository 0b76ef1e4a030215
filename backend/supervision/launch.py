"""The whole platform on one machine, from nothing to ready, until it is asked to stop."""

import os
import subprocess
import sys
from collections.abc import Sequence

import psutil

from backend.settings import Settings
from backend.supervision.configuration import write_configuration
from backend.supervision.console import Console
from backend.supervision.preflight import hold_home, verify_ports_free
from backend.supervision.roles import Role, command, platform_roles
from backend.supervision.watch import watch


def launch(settings: Settings) -> int:
    """Prepare the home, run every role, tell when all is ready; the exit code comes back after a stop."""
    make_folders(settings)
    with hold_home(settings):
        verify_ports_free(settings)
        # In a process of its own: what it loads is needed once, and this process lives long.
        prepared = subprocess.run(command("init"), check=False)  # noqa: S603 - our own command
        if prepared.returncode != 0:
            return prepared.returncode
        return 0 if run_roles(settings, platform_roles(settings, psutil.Process().create_time())) else 1


def make_folders(settings: Settings) -> None:
    """The folders of a running platform, which nobody else may read."""
    os.umask(0o077)
    for folder in (settings.data / "run", settings.data / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def run_roles(settings: Settings, roles: Sequence[Role]) -> bool:
    """Run the roles and show what they say until asked to stop; False where they could not be brought up."""
    unnamed = [role.name for role in roles if role.once]
    console = Console([role.name for role in roles], sys.stdout, unnamed=unnamed)
    return watch(write_configuration(settings.data / "run", roles), roles, console)
