"""Subscribers: admitted, changed, suspended, resumed and removed; what is taken away is gone from the next request on."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import db
from backend.errors import Conflict, Invalid, NotFound
from backend.identity.principal import EVERY_MODEL
from backend.identity.revocation import revoke_all
from backend.identity.subscriber_tables import ACTIVE, SUSPENDED, Subscriber
from backend.settings import Settings

_ID = re.compile(r"[0-9a-f-]{36}")
_NAME = re.compile(r"\w([\w .@-]{0,62}\w)?")
_MOST_MODELS = 100
_SHORTEST_HOURS, _LONGEST_HOURS = 1, 90 * 24


def create_subscriber(name: str, *, actor: str, **terms: Any) -> Subscriber:
    """A new subscriber, active and without a certificate.

    `terms` are any of those that `change_subscriber` takes; left out, they are: no model, no limit, the usual life of certificates.
    Raises Conflict where the name is taken, Invalid for a name or terms that break the rules.
    """
    subscriber = Subscriber(name=_verified_name(name), models=[], created_by=actor)
    _apply(subscriber, terms)
    db.session.add(subscriber)
    _flush(subscriber.name)
    record(
        Event.SUBSCRIBER_CREATED,
        actor=actor,
        target=f"subscriber:{subscriber.id}",
        details={"name": subscriber.name, **terms},
    )
    return subscriber


def get_subscriber(subscriber_id: str) -> Subscriber:
    """The subscriber of that id; NotFound otherwise."""
    # PostgreSQL fails on some texts that no id is.
    subscriber = db.session.get(Subscriber, subscriber_id) if _ID.fullmatch(subscriber_id) else None
    if subscriber is None:
        raise NotFound("There is no such subscriber.")
    return subscriber


def get_subscriber_named(name: str) -> Subscriber:
    """The subscriber of that name; NotFound otherwise."""
    subscriber = db.session.scalar(select(Subscriber).where(Subscriber.name == name))
    if subscriber is None:
        raise NotFound(f"There is no subscriber named '{name}'.")
    return subscriber


def list_subscribers() -> Sequence[Subscriber]:
    """Every subscriber, by name."""
    return db.session.scalars(select(Subscriber).order_by(Subscriber.name)).all()


def change_subscriber(subscriber: Subscriber, changes: Mapping[str, Any], *, actor: str) -> None:
    """Other terms from the next request on, of: `name`, `description`, `models`, `rate_per_minute`, `daily_quota`,
    `certificate_hours` (None: no limit, the usual life).

    Raises Conflict where a new name is taken, Invalid for terms that break the rules.
    """
    _apply(subscriber, changes)
    _flush(subscriber.name)
    record(Event.SUBSCRIBER_CHANGED, actor=actor, target=f"subscriber:{subscriber.id}", details=dict(changes))


def suspend_subscriber(subscriber: Subscriber, *, actor: str) -> None:
    """Refused from the next request on, until resumed; its certificates stay as they are."""
    subscriber.state = SUSPENDED
    db.session.flush()
    record(Event.SUBSCRIBER_SUSPENDED, actor=actor, target=f"subscriber:{subscriber.id}")


def resume_subscriber(subscriber: Subscriber, *, actor: str) -> None:
    """Let in again."""
    subscriber.state = ACTIVE
    db.session.flush()
    record(Event.SUBSCRIBER_RESUMED, actor=actor, target=f"subscriber:{subscriber.id}")


def delete_subscriber(settings: Settings, subscriber: Subscriber, *, actor: str) -> None:
    """Removed for good, every certificate of it revoked; their rows stay, for revocation lists must go on naming them."""
    revoke_all(settings, subscriber, "cessationOfOperation", actor=actor)
    db.session.delete(subscriber)
    db.session.flush()
    record(
        Event.SUBSCRIBER_DELETED, actor=actor, target=f"subscriber:{subscriber.id}", details={"name": subscriber.name}
    )


def _apply(subscriber: Subscriber, terms: Mapping[str, Any]) -> None:
    for name, value in terms.items():
        setattr(subscriber, name, _TERMS[name](value))


def _flush(name: str) -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(f"There is already a subscriber named '{name}'.") from error


def _verified_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(
            "A subscriber's name has 1 to 64 letters, digits, spaces and . _ @ - and begins and ends with a letter or digit."
        )
    return name


def _verified_description(text: str) -> str:
    if len(text) > 500 or not text.isprintable():
        raise Invalid("A description is one line of at most 500 characters.")
    return text


def _verified_models(models: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(models))
    if EVERY_MODEL in names and len(names) > 1:
        raise Invalid(f"'{EVERY_MODEL}' means every model, so it stands alone.")
    if len(names) > _MOST_MODELS or not all(0 < len(name) <= 255 for name in names):
        raise Invalid(
            f"A subscriber is allowed at most {_MOST_MODELS} models by name, or '{EVERY_MODEL}' for every one."
        )
    return names


def _whole_number(label: str, least: int, most: int) -> Callable[[int | None], int | None]:
    def verified(value: int | None) -> int | None:
        if value is not None and not least <= value <= most:
            raise Invalid(f"{label} is a whole number from {least} to {most}.")
        return value

    return verified


_TERMS: dict[str, Callable[[Any], Any]] = {
    "name": _verified_name,
    "description": _verified_description,
    "models": _verified_models,
    "rate_per_minute": _whole_number("The rate per minute", 1, 1_000_000),
    "daily_quota": _whole_number("The daily quota", 1, 1_000_000_000),
    "certificate_hours": _whole_number("The life of its certificates, in hours,", _SHORTEST_HOURS, _LONGEST_HOURS),
}
