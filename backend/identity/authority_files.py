"""The files of the authority under `certs/authority/`: three certificates and their sealed keys, read and written."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from filelock import FileLock

from backend.errors import UnsafeSettings
from backend.pki.authority import Authority
from backend.pki.certifying import Issuer, pem
from backend.pki.keystore import new_encryption_key, read_private, seal, unseal, write_private, write_public
from backend.settings import Settings

_LOCK_SECONDS = 60


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else, in this process or another, makes or renews what is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=_LOCK_SECONDS, mode=0o600):
        yield


def authority_folder(settings: Settings) -> Path:
    """Where the authority is kept."""
    return settings.certs / "authority"


def open_authority(settings: Settings) -> Authority:
    """The authority with every key that is here, the root's too; UnsafeSettings where a part is missing or damaged."""
    folder = authority_folder(settings)
    with _missing_parts_named():
        opener = read_encryption_key(settings)
        root_key = _open_key(folder, "root", opener) if (folder / "root.key").exists() else None
        return Authority(
            _certificate(folder, "root"),
            root_key,
            _open_issuer(folder, "subscribers-ca", opener),
            _open_issuer(folder, "server-ca", opener),
        )


def open_issuers(settings: Settings) -> Authority:
    """The authority without the root's key, which daily work does not need and so never has in memory."""
    folder = authority_folder(settings)
    with _missing_parts_named():
        opener = read_encryption_key(settings)
        return Authority(
            _certificate(folder, "root"),
            None,
            _open_issuer(folder, "subscribers-ca", opener),
            _open_issuer(folder, "server-ca", opener),
        )


def read_certificate(settings: Settings, name: str) -> x509.Certificate:
    """The certificate of `root`, `subscribers-ca` or `server-ca`."""
    with _missing_parts_named():
        return _certificate(authority_folder(settings), name)


def seal_keys(settings: Settings, authority: Authority, folder: Path) -> None:
    """Write every key of the authority that is here, sealed, into `folder`."""
    keys = {"root": authority.root_key, "subscribers-ca": authority.subscribers.key, "server-ca": authority.servers.key}
    for name, key in ((name, key) for name, key in keys.items() if key is not None):
        write_key(settings, name, key, folder)


def write_key(settings: Settings, name: str, key: ec.EllipticCurvePrivateKey, folder: Path) -> None:
    """Write one key, sealed, into `folder`."""
    write_private(folder / f"{name}.key", seal(name, key, read_encryption_key(settings)))


def write_certificates(authority: Authority, folder: Path) -> None:
    """Write the three certificates into `folder`."""
    write_public(folder / "root.pem", pem(authority.root))
    write_public(folder / "subscribers-ca.pem", pem(authority.subscribers.certificate))
    write_public(folder / "server-ca.pem", pem(authority.servers.certificate))


def ensure_encryption_key(settings: Settings) -> None:
    """There is something to seal keys with: the setting, or a file that is made here."""
    path = settings.certs / "key-encryption-key"
    if not settings.key_encryption_key.get_secret_value() and not path.exists():
        write_private(path, new_encryption_key())


def _open_key(folder: Path, name: str, opener: bytes) -> ec.EllipticCurvePrivateKey:
    """One key, unsealed with the key-encryption key."""
    return unseal(name, read_private(folder / f"{name}.key"), opener)


def read_encryption_key(settings: Settings) -> bytes:
    """The key that seals secrets at rest: the setting, or else a file that others cannot read."""
    given = settings.key_encryption_key.get_secret_value()
    return given.encode() if given else read_private(settings.certs / "key-encryption-key")


def _open_issuer(folder: Path, name: str, opener: bytes) -> Issuer:
    certificate, key = _certificate(folder, name), _open_key(folder, name, opener)
    if certificate.public_key() != key.public_key():
        raise UnsafeSettings(
            f"{folder / f'{name}.pem'} and its key do not belong together. Restore both from one backup"
        )
    return Issuer(certificate, key)


def _certificate(folder: Path, name: str) -> x509.Certificate:
    path = folder / f"{name}.pem"
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise UnsafeSettings(f"{path} holds no certificate. Restore it from a backup", cause=str(error)) from error


@contextlib.contextmanager
def _missing_parts_named() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UnsafeSettings(
            f"{error.filename} is missing: without it the authority cannot sign. Restore it from a backup",
            cause=str(error),
        ) from error
