"""Secrets at rest: files that only their owner can read, and private keys sealed under a key-encryption key or a passphrase."""

import base64
import json
import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from backend.durable import flush
from backend.errors import Invalid, UnsafeSettings
from backend.pki.sealing import seal_bytes, unseal_bytes

# A passphrase that a person can type is guessed at leisure by whoever has the file: each guess costs 256 MiB and a second.
_ITERATIONS, _LANES, _MEMORY_KIB = 3, 4, 256 * 1024


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all, readable by its owner only from the first byte."""
    _replace(path, content, 0o600)


def write_public(path: Path, content: bytes) -> None:
    """Put `content` at `path` whole or not at all, readable by everybody on this machine."""
    _replace(path, content, 0o644)


def read_private(path: Path) -> bytes:
    """The content of a secret file; UnsafeSettings names the file and the cure where others may open it too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise UnsafeSettings(
                f"{path} holds a secret and is open to other users of this machine (mode {mode:04o}). "
                f"Close it with: chmod 600 {path}"
            )
        return file.read()


def make_private_folder(path: Path) -> None:
    """A folder that only its owner may enter; one that exists is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def new_encryption_key() -> bytes:
    """A key-encryption key in the form in which it is kept: one line of base64."""
    return base64.b64encode(secrets.token_bytes(32)) + b"\n"


def seal(key_id: str, key: ec.EllipticCurvePrivateKey, encryption_key: bytes) -> bytes:
    """The private key encrypted (AES-256-GCM) so that it opens only under the same `encryption_key` and `key_id`."""
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return seal_bytes(key_id, plain, encryption_key)


def unseal(key_id: str, document: bytes, encryption_key: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key that `seal` closed; UnsafeSettings where it was altered, is another's, or the wrong key opens it."""
    plain = unseal_bytes(key_id, document, encryption_key)
    try:
        key = serialization.load_der_private_key(plain, password=None)
    except ValueError as error:
        raise UnsafeSettings(f"The sealed secret '{key_id}' is not a private key", cause=repr(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise UnsafeSettings(f"The sealed key '{key_id}' is not an elliptic curve key")
    return key


def seal_under_passphrase(key_id: str, key: ec.EllipticCurvePrivateKey, passphrase: str) -> bytes:
    """The private key encrypted so that it opens only under the same `passphrase` and `key_id`."""
    salt = os.urandom(16)
    document = json.loads(seal(key_id, key, stretched(passphrase, salt)))
    stretching = {
        "function": "Argon2id",
        "iterations": _ITERATIONS,
        "lanes": _LANES,
        "memory_kib": _MEMORY_KIB,
        "salt": base64.b64encode(salt).decode(),
    }
    return json.dumps(document | {"stretching": stretching}, indent=2).encode() + b"\n"


def unseal_under_passphrase(key_id: str, document: bytes, passphrase: str) -> ec.EllipticCurvePrivateKey:
    """The private key that `seal_under_passphrase` closed; Invalid where it was altered or the passphrase is another."""
    try:
        salt = base64.b64decode(json.loads(document)["stretching"]["salt"], validate=True)
        return unseal(key_id, document, stretched(passphrase, salt))
    except (UnsafeSettings, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            "The file does not open: it was altered, or the passphrase is wrong", cause=repr(error)
        ) from error


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The private key in clear PEM, for servers that read nothing else."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def stretched(passphrase: str, salt: bytes) -> bytes:
    """A key (32 bytes, base64) from what a person can type (Argon2id); each guess costs 256 MiB and a second."""
    # The cost is this version's own and not the file's, which could ask for any amount of memory.
    stretch = Argon2id(salt=salt, length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return base64.b64encode(stretch.derive(passphrase.encode()))


def _replace(path: Path, content: bytes, mode: int) -> None:
    # The temporary name lies in the same folder, because only within one file system is a rename atomic.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush(path.parent)
