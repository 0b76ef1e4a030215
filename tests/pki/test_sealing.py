"""Secrets sealed under a key and a name."""

import base64
import json

import pytest

from backend.errors import UnsafeSettings
from backend.pki.keystore import new_encryption_key, unseal
from backend.pki.sealing import seal_bytes, unseal_bytes


def test_a_secret_opens_under_its_key_and_name_only() -> None:
    key = new_encryption_key()
    document = seal_bytes("ada", b"a secret", key)
    assert unseal_bytes("ada", document, key) == b"a secret"
    for name, other in (("bob", key), ("ada", new_encryption_key())):
        with pytest.raises(UnsafeSettings, match="does not open"):
            unseal_bytes(name, document, other)


def test_the_same_secret_is_never_sealed_alike() -> None:
    key = new_encryption_key()
    assert seal_bytes("ada", b"a secret", key) != seal_bytes("ada", b"a secret", key)


@pytest.mark.parametrize("part", ["nonce", "sealed"])
def test_an_altered_document_does_not_open(part: str) -> None:
    key = new_encryption_key()
    document = json.loads(seal_bytes("ada", b"a secret", key))
    raw = bytearray(base64.b64decode(document[part]))
    raw[0] ^= 1
    document[part] = base64.b64encode(raw).decode()
    for damaged in (json.dumps(document).encode(), b"nonsense", b"[]", b"{}"):
        with pytest.raises(UnsafeSettings, match="does not open"):
            unseal_bytes("ada", damaged, key)


@pytest.mark.parametrize("key", [b"not base64!", base64.b64encode(b"short")])
def test_a_key_of_another_form_is_refused(key: bytes) -> None:
    with pytest.raises(UnsafeSettings, match="key-encryption key"):
        seal_bytes("ada", b"a secret", key)


def test_another_secret_is_no_private_key() -> None:
    key = new_encryption_key()
    with pytest.raises(UnsafeSettings, match="not a private key"):
        unseal("ada", seal_bytes("ada", b"a secret", key), key)
