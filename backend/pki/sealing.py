"""Secrets sealed at rest: bytes, their name and a key come in; a document that opens only under the same two goes out."""

import base64
import binascii
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.errors import UnsafeSettings

_NONCE_BYTES = 12


def seal_bytes(key_id: str, plain: bytes, encryption_key: bytes) -> bytes:
    """A JSON document with `plain` encrypted (AES-256-GCM) so that it opens only under the same `encryption_key` and `key_id`."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_decoded(encryption_key)).encrypt(nonce, plain, key_id.encode())
    document = {
        "format": 1,
        "cipher": "AES-256-GCM",
        "key_id": key_id,
        "nonce": base64.b64encode(nonce).decode(),
        "sealed": base64.b64encode(sealed).decode(),
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def unseal_bytes(key_id: str, document: bytes, encryption_key: bytes) -> bytes:
    """What `seal_bytes` closed; UnsafeSettings where it was altered, is another's, or the wrong key opens it."""
    try:
        parts = json.loads(document)
        nonce, sealed = (base64.b64decode(parts[name], validate=True) for name in ("nonce", "sealed"))
        return AESGCM(_decoded(encryption_key)).decrypt(nonce, sealed, key_id.encode())
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise UnsafeSettings(
            f"The sealed secret '{key_id}' does not open: it was altered, or the key-encryption key is not the one that sealed it",
            cause=repr(error),
        ) from error


def _decoded(encryption_key: bytes) -> bytes:
    try:
        key = base64.b64decode(encryption_key.strip(), validate=True)
    except binascii.Error as error:
        raise UnsafeSettings("The key-encryption key is not base64") from error
    if len(key) != 32:
        raise UnsafeSettings(f"The key-encryption key has {len(key)} bytes, not 32")
    return key
