"""What one process keeps to judge callers by: what it verified a moment ago, the keys of tokens, the allowances."""

from dataclasses import dataclass

from flask import Flask, current_app
from sqlalchemy import Engine

from backend.api.person_tokens import PersonToken
from backend.api.recall import Recall, forget_on_change
from backend.database import Table, db
from backend.identity.allowances import Allowances
from backend.identity.bound_tokens import BoundToken
from backend.identity.principal import Principal
from backend.identity.signing_keys import SigningKeys
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.identity.tables import Session, User
from backend.settings import Settings

# For how long another process may go on letting in whom this one just shut out; in this process it holds at once.
FRESH_SECONDS = 0.25
# A signature that was good stays good: only a token's end, which is always watched, bounds this.
_SIGNATURE_SECONDS = 3600.0


@dataclass(frozen=True)
class Gate:
    """Shared by the threads of one process."""

    settings: Settings
    people: Recall[Principal]
    subscribers: Recall[Principal]
    tokens: Recall[PersonToken | BoundToken]
    keys: SigningKeys
    allowances: Allowances


def install(app: Flask, settings: Settings) -> None:
    """The gate of this app."""
    with app.app_context():
        engine = db.engine
    people, subscribers = _recall(engine, User, Session), _recall(engine, Subscriber, Certificate)
    app.extensions["signet.gate"] = Gate(
        settings, people, subscribers, Recall(_SIGNATURE_SECONDS), SigningKeys(settings), Allowances(engine)
    )


def _recall(engine: Engine, *proving: type[Table]) -> Recall[Principal]:
    """The memory of callers whom rows of these tables prove; apart, so that people who come and go cost no service anything."""
    recall: Recall[Principal] = Recall(FRESH_SECONDS)
    forget_on_change(engine, recall, {table.__tablename__ for table in proving})
    return recall


def gate() -> Gate:
    """The gate of the app that answers this request."""
    found: Gate = current_app.extensions["signet.gate"]
    return found
