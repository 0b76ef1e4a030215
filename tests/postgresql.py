"""A real PostgreSQL for the tests of one process: its own folder, its own socket, no TCP port."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.left_out import find_postgresql


def _as_owner() -> list[str]:
    """PostgreSQL refuses to run as root; its package brings a user for it."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a running server, without a database name."""
    programs = find_postgresql()
    assert programs is not None
    # A short path, because a Unix socket's has 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="signet-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, user = folder / "data", "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    run = [*_as_owner(), str(programs / "initdb"), "-D", str(data), "--auth=trust", "--no-sync", "-U", user]
    subprocess.run(run, check=True, capture_output=True, cwd=folder)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
    control = [*_as_owner(), str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    log = folder / "log"
    subprocess.run([*control, "-o", options, "-l", str(log), "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgresql+psycopg://{user}@/{{database}}?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(postgresql_server.format(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgresql_server.format(database=name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
