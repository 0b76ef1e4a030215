"""The platform's authority on disk: made on the first start, opened on every other, its server certificate renewed.

Under `certs/`: `authority/` holds the certificates of the three authorities and their sealed keys, `key-encryption-key`
opens those, `ca.pem` is what a client trusts, `server.pem` (leaf and issuer) and `server.key` are what servers present.
"""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from filelock import FileLock

from backend.errors import UnsafeSettings
from backend.identity.server_certificate import renew_where_due
from backend.pki.authority import Authority, is_ageing
from backend.pki.certifying import Issuer, pem
from backend.pki.keystore import (
    make_private_folder,
    new_encryption_key,
    private_pem,
    read_private,
    seal,
    sync_folder,
    unseal,
    write_private,
    write_public,
)
from backend.settings import Settings

_LOCK_SECONDS = 60


def ensure_authority(settings: Settings) -> Authority:
    """The platform's authority, with everything under `certs/` in place and in date; made whole on the first start.

    Raises UnsafeSettings where a secret is open to other users, or where parts were taken away that cannot be made again
    without every client losing its trust.
    """
    with _locked(settings.certs):
        folder = settings.certs / "authority"
        if not folder.exists():
            _create(settings, folder)
        authority = _open(settings, folder)
        authority = _with_issuers_in_date(authority, folder)
        _publish(settings.certs / "ca.pem", pem(authority.root))
        renew_where_due(settings, authority)
        return authority


def ensure_server_certificate(settings: Settings) -> x509.Certificate:
    """The server certificate, made anew where its last third has begun or the names of this machine changed."""
    with _locked(settings.certs):
        return renew_where_due(settings, _open(settings, settings.certs / "authority"))


def ensure_token_key(settings: Settings) -> Path:
    """The file of the private key (EC P-256, PEM, 0600) that signs people's tokens (ES256); made where there is none."""
    path = settings.certs / "token-key.pem"
    with _locked(settings.certs):
        if not path.exists():
            write_private(path, private_pem(ec.generate_private_key(ec.SECP256R1())))
        read_private(path)
    return path


def ensure_secret(path: Path) -> str:
    """The random token (32 bytes, URL-safe base64) kept in `path` (0600); made where there is none."""
    with _locked(path.parent):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
        return read_private(path).decode().strip()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else, in this process or another, makes or renews what is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=_LOCK_SECONDS, mode=0o600):
        yield


def _create(settings: Settings, folder: Path) -> None:
    """Make the authority beside its place and move it there in one step: a killed start leaves nothing half made."""
    if (settings.certs / "ca.pem").exists():
        raise UnsafeSettings(
            f"{folder} is missing but {settings.certs / 'ca.pem'} is here. Restore the folder from a backup, or remove "
            "ca.pem to start over with a new authority that every client must be told to trust"
        )
    encryption_key = settings.certs / "key-encryption-key"
    if not encryption_key.exists():
        write_private(encryption_key, new_encryption_key())
    unfinished = folder.with_name(".authority.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private_folder(unfinished)
    authority = Authority.create(now=datetime.now(UTC))
    _write_certificates(authority, unfinished)
    for name, key in _keys(authority).items():
        write_private(unfinished / f"{name}.key", seal(name, key, read_private(encryption_key)))
    unfinished.rename(folder)
    sync_folder(settings.certs)


def _keys(authority: Authority) -> dict[str, ec.EllipticCurvePrivateKey]:
    root = {"root": authority.root_key} if authority.root_key else {}
    return root | {"subscribers-ca": authority.subscribers.key, "server-ca": authority.servers.key}


def _open(settings: Settings, folder: Path) -> Authority:
    encryption_key = settings.certs / "key-encryption-key"
    try:
        opener = read_private(encryption_key)
        root = _read_certificate(folder / "root.pem")
        root_key = _open_issuer(folder, "root", opener).key if (folder / "root.key").exists() else None
        return Authority(
            root, root_key, _open_issuer(folder, "subscribers-ca", opener), _open_issuer(folder, "server-ca", opener)
        )
    except FileNotFoundError as error:
        raise UnsafeSettings(
            f"{error.filename} is missing: without it the authority cannot sign. Restore it from a backup",
            cause=str(error),
        ) from error


def _open_issuer(folder: Path, name: str, opener: bytes) -> Issuer:
    certificate = _read_certificate(folder / f"{name}.pem")
    key = unseal(name, read_private(folder / f"{name}.key"), opener)
    if certificate.public_key() != key.public_key():
        raise UnsafeSettings(
            f"{folder / f'{name}.pem'} and its key do not belong together. Restore both from one backup"
        )
    return Issuer(certificate, key)


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise UnsafeSettings(f"{path} holds no certificate. Restore it from a backup", cause=str(error)) from error


def _with_issuers_in_date(authority: Authority, folder: Path) -> Authority:
    now = datetime.now(UTC)
    ageing = is_ageing(authority.subscribers.certificate, now) or is_ageing(authority.servers.certificate, now)
    if not ageing or authority.root_key is None:
        return authority
    renewed = authority.renew_issuers(now=now)
    _write_certificates(renewed, folder)
    return renewed


def _write_certificates(authority: Authority, folder: Path) -> None:
    write_public(folder / "root.pem", pem(authority.root))
    write_public(folder / "subscribers-ca.pem", pem(authority.subscribers.certificate))
    write_public(folder / "server-ca.pem", pem(authority.servers.certificate))


def _publish(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        write_public(path, content)
