"""A file that stays with the transaction that makes its row, and leaves with the one that removes it."""

from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

_MADE, _DOOMED = "datasets.made", "datasets.doomed"


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
