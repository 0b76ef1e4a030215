"""Who may open an archive: the archive's own key comes in, a stanza for each passphrase and each recipient goes out, and back.

A recipient is an X25519 key (RFC 7748) whose private half is kept off the machine: what makes archives then cannot read them.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.errors import Conflict, Invalid
from backend.pki.keystore import read_private, stretched, write_private

_PREFIX = "signet-backup:"
# Each key seals one thing, so that one nonce for all of them is never used twice with the same key.
_ONCE = bytes(12)
_SHORTEST = 12
_NO_RECIPIENT = f"A recipient of backups reads {_PREFIX}..., as `backup-key` prints it."
Stanza = Mapping[str, str]


class Opener(Protocol):
    """What can close an archive's key for somebody, or open it."""

    def close(self, key: bytes) -> Stanza:
        """The stanza under which the key (32 bytes) waits for whoever has what belongs to it."""
        ...

    def find_key(self, stanza: Stanza) -> bytes | None:
        """The key, where the stanza is for this one; None otherwise."""
        ...


@dataclass(frozen=True)
class Passphrase:
    """Words that somebody remembers or keeps elsewhere; a guess costs 256 MiB and a second (Argon2id, RFC 9106)."""

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.text) < _SHORTEST:
            raise Invalid(f"The passphrase of a backup has {_SHORTEST} characters at least.")

    def close(self, key: bytes) -> Stanza:
        salt = os.urandom(16)
        return {"for": "passphrase", "salt": _text(salt), "sealed": _text(self._cipher(salt).encrypt(_ONCE, key, None))}

    def find_key(self, stanza: Stanza) -> bytes | None:
        if stanza.get("for") != "passphrase":
            return None
        return _opened(self._cipher(_bytes(stanza["salt"])), stanza)

    def _cipher(self, salt: bytes) -> AESGCM:
        return AESGCM(_bytes(stretched(self.text, salt).decode()))


@dataclass(frozen=True)
class Recipient:
    """The public half of a key for backups: it closes archives and opens none."""

    public: X25519PublicKey

    @classmethod
    def from_text(cls, text: str) -> "Recipient":
        """The recipient whose `text` was printed when its key was made; Invalid otherwise."""
        try:
            prefix, raw = text.strip()[: len(_PREFIX)], text.strip()[len(_PREFIX) :]
            public = X25519PublicKey.from_public_bytes(base64.b64decode(raw, altchars=b"-_", validate=True))
        except ValueError as error:
            raise Invalid(_NO_RECIPIENT) from error
        if prefix != _PREFIX:
            raise Invalid(_NO_RECIPIENT)
        return cls(public)

    def to_text(self) -> str:
        return _PREFIX + base64.urlsafe_b64encode(self.public.public_bytes_raw()).decode()

    def close(self, key: bytes) -> Stanza:
        ephemeral = X25519PrivateKey.generate()
        cipher = _agreed(ephemeral, self.public, ephemeral.public_key(), self.public)
        sealed = cipher.encrypt(_ONCE, key, None)
        return {"for": "x25519", "ephemeral": _text(ephemeral.public_key().public_bytes_raw()), "sealed": _text(sealed)}

    def find_key(self, stanza: Stanza) -> bytes | None:
        return None


@dataclass(frozen=True)
class RecipientKey:
    """The private half."""

    private: X25519PrivateKey = field(repr=False)

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.private.public_key())

    def close(self, key: bytes) -> Stanza:
        return self.recipient.close(key)

    def find_key(self, stanza: Stanza) -> bytes | None:
        if stanza.get("for") != "x25519":
            return None
        ephemeral = X25519PublicKey.from_public_bytes(_bytes(stanza["ephemeral"]))
        return _opened(_agreed(self.private, ephemeral, ephemeral, self.recipient.public), stanza)


def make_recipient_key(path: Path) -> Recipient:
    """A new key for backups in the file `path` (PEM, 0600), which must not be there; its public half comes back."""
    if path.exists():
        raise Conflict(f"{path} is there already. Name a file that is not.")
    key = X25519PrivateKey.generate()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    write_private(path, key.private_bytes(encoding, form, serialization.NoEncryption()))
    return Recipient(key.public_key())


def read_recipient_key(path: Path) -> RecipientKey:
    """The key that `make_recipient_key` wrote; Invalid where the file holds none, UnsafeSettings where others may read it."""
    try:
        key = serialization.load_pem_private_key(read_private(path), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise Invalid(f"{path} holds no key for backups.", cause=repr(error)) from error
    if not isinstance(key, X25519PrivateKey):
        raise Invalid(f"{path} holds no key for backups.")
    return RecipientKey(key)


def _agreed(
    ours: X25519PrivateKey, theirs: X25519PublicKey, ephemeral: X25519PublicKey, recipient: X25519PublicKey
) -> AESGCM:
    """The key that both sides come to, bound to both public halves (RFC 5869)."""
    both = ephemeral.public_bytes_raw() + recipient.public_bytes_raw()
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=both, info=b"signet-backup recipient")
    return AESGCM(derive.derive(ours.exchange(theirs)))


def _opened(cipher: AESGCM, stanza: Stanza) -> bytes | None:
    try:
        return cipher.decrypt(_ONCE, _bytes(stanza["sealed"]), None)
    except InvalidTag:
        return None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
