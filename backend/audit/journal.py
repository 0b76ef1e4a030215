"""The journal as every room writes it: who did what, to what, with what outcome.

An act that was done is written by the transaction that did it, as its last statement: the two are kept together or not at all.
An act that was refused or failed is written in a transaction of its own, as soon as the session of the caller has none open: it
outlives the rollback, and never waits for a lock that its own caller holds. Nobody has to call anything besides `record`.
"""

import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, SessionTransaction

from backend.audit.chain import append
from backend.audit.events import Event, Note, Outcome
from backend.audit.floods import Floods
from backend.database import db

_log = logging.getLogger("signet.audit")
_circumstances: ContextVar[tuple[str, str]] = ContextVar("circumstances", default=("", ""))
_refusal_told: ContextVar[bool] = ContextVar("refusal_told", default=False)
_floods: WeakKeyDictionary[Engine, Floods] = WeakKeyDictionary()

# Where the notes of a session wait: those that its commit writes, and those that any end of its transaction writes.
_DONE, _REFUSED = "signet.audit.done", "signet.audit.refused"


def record(
    event: Event,
    *,
    actor: str,
    target: str = "",
    outcome: Outcome = "done",
    details: Mapping[str, Any] | None = None,
    address: str = "",
    request_id: str = "",
) -> None:
    """Note an act. `done` is kept if and only if the caller's transaction is; `refused` and `failed` are kept whatever happens.

    `actor` is a username, `subscriber:<id>`, `cli:<account>`, `system`, or empty where nobody is known. `target` says to what, as
    `user:ada`, `model:iris@champion`, `certificate:<serial>`. `details` holds facts, never a secret or a payload. Address and request
    are those of the request under way where not given. Equal refusals of one minute become the first and one with their number.
    """
    about = note(
        event, actor=actor, target=target, outcome=outcome, details=details, address=address, request_id=request_id
    )
    session = db.session()
    if outcome != "done":
        _refusal_told.set(True)
        _write_apart(session, _flood_of(db.engine).admit(about))
        return
    if not session.in_transaction():
        session.begin()  # so that a rollback takes the note with it even where nothing else was written
    session.info.setdefault(_DONE, []).append(about)


def note(
    event: Event,
    *,
    actor: str,
    target: str = "",
    outcome: Outcome = "done",
    details: Mapping[str, Any] | None = None,
    address: str = "",
    request_id: str = "",
) -> Note:
    """What `record` would write, for a caller that appends it to a transaction of its own."""
    here, request = _circumstances.get()
    return Note(event, actor, target, outcome, details or {}, address or here, request_id or request)


def enter(*, address: str, request_id: str) -> None:
    """What is recorded from now on, in this thread, is part of this request."""
    _circumstances.set((address, request_id))
    _refusal_told.set(False)


def leave() -> None:
    """The request is over."""
    enter(address="", request_id="")


def is_refusal_told() -> bool:
    """Whether this request's refusal is recorded already."""
    return _refusal_told.get()


def settle(*, ended: bool = False) -> None:
    """Write the numbers of repeated refusals whose minute is over; with `ended`, of the minute under way too."""
    if due := _flood_of(db.engine).due(ended=ended):
        _write_apart(db.session(), due)


def _write_apart(session: Session, notes: Iterable[Note]) -> None:
    session.info.setdefault(_REFUSED, []).extend(notes)
    if not session.in_transaction():
        _write_refused(session)


@event.listens_for(db.session, "before_commit")
def _write_done(session: Session) -> None:
    if notes := session.info.pop(_DONE, None):
        # The act's own rows first: whoever holds the head of the journal waits for nothing else.
        session.flush()
        append(session.connection(), notes)


@event.listens_for(db.session, "after_transaction_end")
def _after_end(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_DONE, None)  # still here, so it was rolled back
        _write_refused(session)


def _write_refused(session: Session) -> None:
    notes = session.info.pop(_REFUSED, None)
    if not notes:
        return
    try:
        with db.engine.begin() as connection:
            append(connection, notes)
    except Exception:
        # The refusal itself stands: who has to be kept out is not let in because the disk is full.
        _log.exception("the journal could not be written: %s", [(note.event.value, note.target) for note in notes])


def _flood_of(engine: Engine) -> Floods:
    return _floods.setdefault(engine, Floods())
