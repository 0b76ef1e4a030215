"""Password hashing (Argon2id, RFC 9106) and the rules that a new password must meet."""

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from backend.errors import Invalid, InvalidCredentials

SHORTEST, LONGEST = 12, 128

# OWASP's minimum: a sign-in costs 19 MiB and some 30 ms, so that a few at once do not exhaust a small machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# Verified for an unknown user, so that the answer takes as long as for a known one.
_NOBODY = _hasher.hash(secrets.token_urlsafe(32))


def hash_password(password: str) -> str:
    """The encoded Argon2id hash of a new password; Invalid where it breaks the rules."""
    password = _normalised(password)
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"A password has {SHORTEST} to {LONGEST} characters.")
    if len(set(password)) < 5:
        raise Invalid("A password needs at least 5 different characters.")
    return _hasher.hash(password)


def verify_hash(password_hash: str | None, password: str) -> None:
    """InvalidCredentials unless the password fits; `None` (nobody) takes as long and never fits."""
    try:
        _hasher.verify(password_hash or _NOBODY, _normalised(password)[: LONGEST + 1])
    except (VerifyMismatchError, InvalidHashError) as error:
        raise InvalidCredentials("Wrong username or password.") from error
    if password_hash is None:
        raise InvalidCredentials("Wrong username or password.")


def generate_password() -> str:
    """A random password of 128 bits."""
    return secrets.token_urlsafe(16)


def _normalised(password: str) -> str:
    """NFC, so that the same characters typed on two keyboards are the same password."""
    return unicodedata.normalize("NFC", password)
