"""Password hashing (Argon2id, RFC 9106) and the rules that a new password must meet."""

import os
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from backend.errors import Invalid, InvalidCredentials, TooManyRequests
from backend.identity.weak_passwords import verify_uncommon

SHORTEST, LONGEST = 12, 128

# OWASP's minimum: a sign-in costs 19 MiB and some 30 ms, so that a few at once do not exhaust a small machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Verified for an unknown user, so that the answer takes as long as for a known one.
_NOBODY = _hasher.hash(secrets.token_urlsafe(32))

# More at once than there are cores would only make each slower, and many that wait would leave no thread for anything else.
_CORES = os.cpu_count() or 1
_working, _waiting = threading.BoundedSemaphore(_CORES), threading.BoundedSemaphore(4 * _CORES)


def hash_password(password: str, username: str = "") -> str:
    """The encoded Argon2id hash of a new password; Invalid where it breaks the rules."""
    password = _normalised(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"A password has {SHORTEST} to {LONGEST} characters.")
    if len(set(password)) < 5:
        raise Invalid("A password needs at least 5 different characters.")
    verify_uncommon(password, username)
    with _turn():
        return _hasher.hash(password)


def verify_hash(password_hash: str | None, password: str) -> None:
    """InvalidCredentials unless the password fits; `None` (nobody) takes as long and never fits."""
    try:
        with _turn():
            _hasher.verify(password_hash or _NOBODY, _normalised(password)[: LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError) as error:
        raise InvalidCredentials("Wrong username or password.") from error
    if password_hash is None:
        raise InvalidCredentials("Wrong username or password.")


def needs_new_hash(password_hash: str) -> bool:
    """Whether the hash was made at another cost than today's."""
    return _hasher.check_needs_rehash(password_hash)


def rehash(password: str) -> str:
    """The hash of a password that was verified a moment ago, at today's cost; no rule is asked."""
    with _turn():
        return _hasher.hash(_normalised(password))


def generate_password() -> str:
    """A random password of 128 bits."""
    return secrets.token_urlsafe(16)


@contextmanager
def _turn() -> Iterator[None]:
    """One of the few hashings at a time; TooManyRequests where too many wait already."""
    if not _waiting.acquire(blocking=False):
        raise TooManyRequests("Many people are signing in at this moment. Try again.", retry_after=1)
    try:
        with _working:
            yield
    finally:
        _waiting.release()


def _normalised(password: str) -> str:
    """NFC, so that the same characters typed on two keyboards are the same password."""
    return unicodedata.normalize("NFC", password)
