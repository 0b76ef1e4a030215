"""What the journal can say: the acts that it knows, and the note of one of them before it has its place in the chain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from backend.database import now

# `done` is part of the transaction that did it; the two others tell of an attempt that changed nothing.
Outcome = Literal["done", "refused", "failed"]

SYSTEM = "system"  # the platform itself, where no person, subscriber or command acts
NOBODY = ""  # the caller is not known

_LONGEST = {"actor": 128, "target": 200, "address": 64, "request_id": 64}
_LONGEST_DETAIL, _MOST_DETAILS, _LARGEST_INTEGER = 200, 20, 2**53 - 1
# Control characters and lone surrogates: no database keeps them all, and a terminal must not be steered by what it shows.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
# The first letters of PEM and of a JSON Web Token; a journal that is read by many is no place for either.
_SECRET = re.compile(r"-----BEGIN |eyJ[\w-]{5,}\.[\w-]+")


class Event(StrEnum):
    """Every kind of act, as noun and participle."""

    PERSON_SIGNED_IN = "person.signed_in"
    PERSON_SIGN_IN_FAILED = "person.sign_in_failed"
    SESSION_ENDED = "session.ended"
    SESSION_REUSED = "session.reused"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - the name of an act
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    SECOND_FACTOR_RESET = "second_factor.reset"
    RECOVERY_CODE_USED = "recovery_code.used"
    RECOVERY_CODES_RENEWED = "recovery_codes.renewed"
    SUBSCRIBER_CREATED = "subscriber.created"
    SUBSCRIBER_CHANGED = "subscriber.changed"
    SUBSCRIBER_SUSPENDED = "subscriber.suspended"
    SUBSCRIBER_RESUMED = "subscriber.resumed"
    SUBSCRIBER_DELETED = "subscriber.deleted"
    ENROLMENT_CREATED = "enrolment.created"
    ENROLMENT_USED = "enrolment.used"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_RENEWED = "certificate.renewed"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_DOWNLOADED = "certificate.downloaded"
    REVOCATION_LIST_ISSUED = "revocation_list.issued"
    ROOT_KEY_REMOVED = "root_key.removed"
    ROOT_KEY_RETURNED = "root_key.returned"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - the name of an act
    MODEL_PROMOTED = "model.promoted"
    MODEL_ALIAS_REMOVED = "model.alias_removed"
    MODEL_SWAP_FAILED = "model.swap_failed"
    MODEL_RENAMED = "model.renamed"
    MODEL_DELETED = "model.deleted"
    DATASET_DELETED = "dataset.deleted"
    PLATFORM_BACKED_UP = "platform.backed_up"
    PLATFORM_RESTORED = "platform.restored"
    REQUEST_REFUSED = "request.refused"


@dataclass(frozen=True)
class Note:
    """One act, fit to be kept: texts are cut and cleaned, and what looks like a key or a token is left out."""

    event: Event
    actor: str
    target: str = ""
    outcome: Outcome = "done"
    details: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    request_id: str = ""
    at: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        for name, longest in _LONGEST.items():
            object.__setattr__(self, name, _clean(getattr(self, name), longest))
        kept = {_clean(key, 64): _plain(value) for key, value in list(self.details.items())[:_MOST_DETAILS]}
        object.__setattr__(self, "details", kept)


def _plain(value: object) -> object:
    """Values that read the same from every database and in every language: text, whole numbers, true, false, null, lists of them."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_INTEGER:
        return int(value)
    if isinstance(value, list | tuple | set | frozenset):
        listed = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(part) for part in list(listed)[:_MOST_DETAILS]]
    return _clean(str(value), _LONGEST_DETAIL)


def _clean(text: str, longest: int) -> str:
    if _SECRET.search(text):
        return "(left out)"
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text[:longest])
