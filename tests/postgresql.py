"""A real PostgreSQL for the tests of one process: its own folder, its own socket, no TCP port."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from backend.migrations.upgrade import upgrade
from backend.settings import Settings
from tests.left_out import find_postgresql

# Nothing is kept beyond the tests, so nothing waits for a disk; what counts the server's work takes a process of its own.
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "max_connections=100")
_TEMPLATE = "signet_migrated"


class Postgresql:
    """A server of its own, with databases that are made in a moment; `settings` are lines such as `fsync=off`."""

    def __init__(self, settings: tuple[str, ...] = _FAST) -> None:
        programs = find_postgresql()
        assert programs is not None
        # A short path, because a Unix socket's has 107 characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="signet-pg-", dir="/tmp"))
        is_root = os.geteuid() == 0
        if is_root:  # it refuses to run as root; its package brings a user for it
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._as_owner = ["runuser", "-u", "postgres", "--"] if is_root else []
        self._programs, self._data = programs, self.folder / "data"
        self._user = "postgres" if is_root else pwd.getpwuid(os.geteuid()).pw_name
        self._options = " ".join(
            ["-k", str(self.folder), *(f"-c {line}" for line in ("listen_addresses=''", *settings))]
        )
        self._administration = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._migrated = ""
        self._run("initdb", "--auth=trust", "--no-sync", "-U", self._user)
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{self._user}@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it, after a crash too, and wait until it takes connections."""
        log = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-t", "60", "-o", self._options, "-l", log, "start")

    def stop(self) -> None:
        """End it at once and remove what it kept."""
        self._administration.dispose()
        if self.processes():
            self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def processes(self) -> list[psutil.Process]:
        """The server and its processes, the server first; none where it does not run."""
        try:
            number = int((self._data / "postmaster.pid").read_text().split()[0])
            server = psutil.Process(number)
            return [server, *server.children(recursive=True)]
        except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
            return []

    def send(self, number: signal.Signals) -> None:
        """The signal to all of its processes; after SIGKILL they are gone when this returns."""
        found = self.processes()
        for process in found:
            process.send_signal(number)
        if number == signal.SIGKILL:
            psutil.wait_procs(found, timeout=20)

    def make_database(self) -> str:
        """The URL of a new one, empty."""
        return self._copy("template1")

    def make_migrated_database(self) -> str:
        """The URL of a new one with the newest schema: a copy of one that is migrated the first time."""
        if not self._migrated:
            url = self.make_database()
            with tempfile.TemporaryDirectory() as home:
                upgrade(Settings(home=Path(home), database_url=url))
            self._migrated = _name(url)
        return self._copy(self._migrated)

    def remove_database(self, url: str) -> None:
        """Remove it, whoever is still connected to it."""
        self._administer(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def _copy(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _administer(self, statement: str) -> None:
        with self._administration.connect() as connection:
            connection.execute(text(statement))

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_owner, str(self._programs / program), "-D", str(self._data), *words]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A server that all tests of this process share."""
    server = Postgresql()
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql: Postgresql) -> Iterator[str]:
    """The URL of an empty database of its own."""
    url = postgresql.make_database()
    yield url
    postgresql.remove_database(url)


@pytest.fixture
def postgresql_migrated_url(postgresql: Postgresql) -> Iterator[str]:
    """The URL of a database of its own, empty, with the newest schema."""
    url = postgresql.make_migrated_database()
    yield url
    postgresql.remove_database(url)


def _name(url: str) -> str:
    name = make_url(url).database
    assert name
    return name
