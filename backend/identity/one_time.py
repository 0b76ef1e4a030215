"""Words that open something once: told to one person, kept only as a hash."""

import hashlib
import secrets


def new_word() -> str:
    """A random word of 256 bits (URL-safe base64)."""
    return secrets.token_urlsafe(32)


def hash_of(word: str) -> str:
    """What is kept of the word: enough to know it again, and nothing to guess it from."""
    return hashlib.sha256(word.encode(errors="replace")).hexdigest()
