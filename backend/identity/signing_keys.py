"""The keys that sign subscribers' tokens: each is published before it signs, and kept until the last token that it signed has ended.

One file a key (PEM, 0600) under `certs/subscriber-token-keys/`, named by the moment from which it signs. The folder is all that
processes share, and is read again when it changes. Taking a file away ends every token that its key signed.
"""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from backend.database import now
from backend.errors import UnsafeSettings
from backend.identity.authority_files import locked
from backend.pki.keystore import make_private_folder, private_pem, read_private, write_private
from backend.settings import Settings

TOKEN_LIFETIME = timedelta(minutes=5)
SIGNS_FOR = timedelta(days=30)
PUBLISHED_AHEAD = timedelta(days=1)
# Longer than a token lives, by what two clocks may differ.
KEPT_AFTER = 2 * TOKEN_LIFETIME

_NAME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class SigningKey:
    """One key (EC P-256), its name (RFC 7638 thumbprint), and from when it signs."""

    kid: str
    signs_from: datetime
    key: ECKey

    @property
    def public(self) -> dict[str, Any]:
        """The public half as RFC 7517 writes it."""
        return self.key.as_dict(private=False, kid=self.kid, use="sig", alg="ES256")


class SigningKeys:
    """The keys as this process knows them."""

    def __init__(self, settings: Settings) -> None:
        self._certs, self._folder = settings.certs, settings.certs / "subscriber-token-keys"
        self._lock = threading.Lock()
        self._read: tuple[int, tuple[SigningKey, ...]] = (0, ())

    def current(self) -> SigningKey:
        """The key that signs at this moment."""
        moment = now()
        keys = self._in_time(moment)
        begun = [key for key in keys if key.signs_from <= moment]
        return begun[-1] if begun else keys[0]

    def find(self, kid: str) -> SigningKey | None:
        """The key of that name, where tokens that it signed may still live."""
        return next((key for key in self._keys() if key.kid == kid), None)

    def published(self) -> tuple[SigningKey, ...]:
        """Every key whose tokens may be met now or soon."""
        return self._in_time(now())

    def _in_time(self, moment: datetime) -> tuple[SigningKey, ...]:
        """The keys once those that are due were made and those that are over were removed."""
        keys = self._keys()
        if not _is_due(keys, moment) and not _over(keys, moment):
            return keys
        with locked(self._certs):  # of several processes, the first one does it
            make_private_folder(self._folder)
            self._tend(self._keys(), moment)
        return self._keys()

    def _tend(self, keys: tuple[SigningKey, ...], moment: datetime) -> None:
        if _is_due(keys, moment):
            signs_from = moment + PUBLISHED_AHEAD if keys else moment
            write_private(self._path(signs_from), private_pem(ec.generate_private_key(ec.SECP256R1())))
        for key in _over(keys, moment):
            self._path(key.signs_from).unlink(missing_ok=True)

    def _path(self, signs_from: datetime) -> Path:
        return self._folder / f"{signs_from.astimezone(UTC):{_NAME}}.pem"

    def _keys(self) -> tuple[SigningKey, ...]:
        """The keys in the order in which they sign, read again where the folder changed."""
        try:
            state = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        with self._lock:
            if self._read[0] != state:
                self._read = (state, tuple(_open(path) for path in sorted(self._folder.glob("*.pem"))))
            return self._read[1]


def _open(path: Path) -> SigningKey:
    try:
        signs_from = datetime.strptime(path.stem, _NAME).replace(tzinfo=UTC)
        key = ECKey.import_key(read_private(path))
    except ValueError as error:
        raise UnsafeSettings(f"{path} is no key of ours. Remove it", cause=str(error)) from error
    return SigningKey(key.thumbprint(), signs_from, key)


def _is_due(keys: tuple[SigningKey, ...], moment: datetime) -> bool:
    """Whether the next key must be published now to be known before it signs."""
    return not keys or moment >= keys[-1].signs_from + SIGNS_FOR - PUBLISHED_AHEAD


def _over(keys: tuple[SigningKey, ...], moment: datetime) -> list[SigningKey]:
    """The keys of which no living token can be left."""
    return [key for key, successor in pairwise(keys) if successor.signs_from + KEPT_AFTER <= moment]
