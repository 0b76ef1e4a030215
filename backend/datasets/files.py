"""A file that enters the data folder whole or not at all, and leaves it with the transaction that removes its row."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.datasets.at_work import at_work
from backend.datasets.uploads import private_file
from backend.durable import flush

_MADE, _DOOMED = "datasets.made", "datasets.doomed"


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A place to write the file; it takes the name of the target, and is on the disk, once the block ends well."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    private_file(part).close()
    try:
        with at_work(part):
            yield part
        flush(part)
        part.replace(target)
        flush(target.parent)
    finally:
        part.unlink(missing_ok=True)


def keep_if_committed(session: Session, path: Path) -> None:
    """Remove the file again should the session's transaction be rolled back."""
    session.info.setdefault(_MADE, set()).add(path)


def remove_if_committed(session: Session, path: Path) -> None:
    """Remove the file as soon as the session's transaction is committed, and not before."""
    session.info.setdefault(_DOOMED, set()).add(path)


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    _settle(session, gone=_DOOMED)


@event.listens_for(Session, "after_rollback")
def _rolled_back(session: Session) -> None:
    _settle(session, gone=_MADE)


def _settle(session: Session, *, gone: str) -> None:
    for path in session.info.pop(gone, ()):
        path.unlink(missing_ok=True)
    for name in (_MADE, _DOOMED):
        session.info.pop(name, None)
