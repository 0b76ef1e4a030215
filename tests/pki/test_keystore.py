"""Secrets at rest: who may read them, what opens them, and that they are never half there."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.errors import Invalid, UnsafeSettings
from backend.pki import keystore
from backend.pki.keystore import (
    make_private_folder,
    new_encryption_key,
    private_pem,
    read_private,
    seal,
    seal_under_passphrase,
    unseal,
    unseal_under_passphrase,
    write_private,
    write_public,
)

KEY = ec.generate_private_key(ec.SECP256R1())
OPENER = new_encryption_key()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_its_owners_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (modes.append(stat.S_IMODE(os.fstat(fd).st_mode)), real(fd)))
    mask = os.umask(0)
    try:
        write_private(tmp_path / "secret", b"x")
    finally:
        os.umask(mask)
    assert modes[0] == 0o600
    assert _mode(tmp_path / "secret") == 0o600


def test_a_secret_replaces_a_file_that_was_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (_mode(path), read_private(path)) == (0o600, b"new")


def test_a_write_that_fails_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(tmp_path / "secret", b"old")

    def full(_descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_private(tmp_path / "secret", b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]
    assert read_private(tmp_path / "secret") == b"old"


def test_what_everybody_may_read(tmp_path: Path) -> None:
    write_public(tmp_path / "ca.pem", b"x")
    assert _mode(tmp_path / "ca.pem") & 0o444


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o777])
def test_a_secret_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    write_private(path, b"x")
    path.chmod(mode)
    with pytest.raises(UnsafeSettings) as refusal:
        read_private(path)
    assert str(path) in refusal.value.detail
    assert f"{mode:04o}" in refusal.value.detail
    assert f"chmod 600 {path}" in refusal.value.detail


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_that_only_its_owner_may_open(tmp_path: Path, mode: int) -> None:
    write_private(tmp_path / "secret", b"x")
    (tmp_path / "secret").chmod(mode)
    assert read_private(tmp_path / "secret") == b"x"


def test_a_private_folder(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "folder")
    make_private_folder(tmp_path / "folder")
    assert _mode(tmp_path / "folder") == 0o700


def test_a_sealed_key_opens_again() -> None:
    document = seal("root", KEY, OPENER)
    assert unseal("root", document, OPENER).private_numbers() == KEY.private_numbers()


def test_a_sealed_key_shows_nothing_and_is_never_the_same_twice() -> None:
    plain = KEY.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    first, second = (json.loads(seal("root", KEY, OPENER)) for _ in range(2))
    assert first["nonce"] != second["nonce"]
    assert first["sealed"] != second["sealed"]
    assert plain[-32:] not in base64.b64decode(first["sealed"])


def _altered(document: bytes, **parts: str) -> bytes:
    return json.dumps(json.loads(document) | parts).encode()


@pytest.mark.parametrize(
    ("key_id", "document", "opener"),
    [
        ("subscribers-ca", seal("root", KEY, OPENER), OPENER),
        ("root", seal("root", KEY, OPENER), new_encryption_key()),
        ("root", _altered(seal("root", KEY, OPENER), sealed=base64.b64encode(bytes(150)).decode()), OPENER),
        ("root", _altered(seal("root", KEY, OPENER), nonce=base64.b64encode(bytes(12)).decode()), OPENER),
        ("root", _altered(seal("root", KEY, OPENER), nonce="%%%"), OPENER),
        ("root", b"{}", OPENER),
        ("root", b"[]", OPENER),
        ("root", b"not JSON", OPENER),
        ("root", b"", OPENER),
    ],
    ids=["another-id", "another-opener", "altered", "altered-nonce", "no-base64", "empty", "list", "text", "nothing"],
)
def test_a_sealed_key_opens_for_nothing_else(key_id: str, document: bytes, opener: bytes) -> None:
    with pytest.raises(UnsafeSettings, match="does not open"):
        unseal(key_id, document, opener)


def test_a_sealed_key_of_another_kind_is_refused() -> None:
    other = rsa.generate_private_key(65537, 2048)
    plain = other.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    nonce = bytes(12)
    sealed = AESGCM(base64.b64decode(OPENER)).encrypt(nonce, plain, b"root")
    parts = {"nonce": base64.b64encode(nonce).decode(), "sealed": base64.b64encode(sealed).decode()}
    with pytest.raises(UnsafeSettings, match="not an elliptic curve key"):
        unseal("root", json.dumps(parts).encode(), OPENER)


@pytest.mark.parametrize("opener", [b"", b"short", base64.b64encode(bytes(16)), b"?" * 44])
def test_a_poor_key_encryption_key_is_refused(opener: bytes) -> None:
    with pytest.raises(UnsafeSettings, match="key-encryption key"):
        seal("root", KEY, opener)


class TestPassphrase:
    @pytest.fixture(autouse=True)
    def cheap(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keystore, "_MEMORY_KIB", 64)

    def test_it_opens_what_it_closed_and_nothing_else_does(self) -> None:
        document = seal_under_passphrase("root", KEY, "correct horse")
        assert unseal_under_passphrase("root", document, "correct horse").private_numbers() == KEY.private_numbers()
        for key_id, passphrase in (("root", "correct Horse"), ("another", "correct horse")):
            with pytest.raises(Invalid, match="does not open"):
                unseal_under_passphrase(key_id, document, passphrase)

    def test_the_same_passphrase_never_gives_the_same_key(self) -> None:
        first, second = (json.loads(seal_under_passphrase("root", KEY, "correct horse")) for _ in range(2))
        assert first["stretching"]["salt"] != second["stretching"]["salt"]

    @pytest.mark.parametrize(
        "document",
        [
            b"",
            b"[]",
            b"{}",
            b'{"stretching": 1}',
            b'{"stretching": {"salt": "?"}}',
            b'{"stretching": {"salt": "AAAA"}}',
        ],
    )
    def test_what_was_not_closed_with_one_does_not_open(self, document: bytes) -> None:
        with pytest.raises(Invalid, match="does not open"):
            unseal_under_passphrase("root", document, "correct horse")


def test_each_guess_of_a_passphrase_costs_memory_and_time() -> None:
    stated = json.loads(seal_under_passphrase("root", KEY, "correct horse"))["stretching"]
    assert (stated["function"], stated["memory_kib"], stated["iterations"]) == ("Argon2id", 256 * 1024, 3)


def test_a_key_in_clear_for_servers_that_read_nothing_else() -> None:
    loaded = serialization.load_pem_private_key(private_pem(KEY), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.private_numbers() == KEY.private_numbers()
