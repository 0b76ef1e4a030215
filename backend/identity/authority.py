"""The platform's authority on disk: made on the first start, opened on every other, its server certificate renewed.

Under `certs/`: `authority/` holds the certificates of the three authorities and their sealed keys, `key-encryption-key`
opens those (unless a setting does), `ca.pem` is what a client trusts, `server.pem` (leaf and issuer) and `server.key` are what
servers present, `web-app.pem` is what the web app presents to the API.
"""

import logging
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.durable import flush
from backend.errors import UnsafeSettings
from backend.identity import server_certificate, web_app_certificate
from backend.identity.authority_files import (
    authority_folder,
    ensure_encryption_key,
    locked,
    open_authority,
    seal_keys,
    write_certificates,
)
from backend.identity.handing_out import PEOPLES_KEY, hand_out
from backend.pki.authority import Authority, is_ageing
from backend.pki.certifying import pem
from backend.pki.keystore import (
    make_private_folder,
    private_pem,
    read_private,
    write_private,
    write_public,
)
from backend.settings import Settings

_log = logging.getLogger("signet.authority")


def ensure_authority(settings: Settings) -> Authority:
    """The platform's authority, with everything under `certs/` in place and in date; made whole on the first start.

    Raises UnsafeSettings where a secret is open to other users, or where parts were taken away that cannot be made again
    without every client losing its trust.
    """
    with locked(settings.certs):
        if not authority_folder(settings).exists():
            _create(settings)
        authority = _with_issuers_in_date(settings)
        server_certificate.renew_where_due(settings, authority)
        web_app_certificate.renew_where_due(settings, authority)
        hand_out(settings)
        return authority


def ensure_server_certificate(settings: Settings) -> x509.Certificate:
    """The server certificate, made anew where its last third has begun, its issuer or the names of this machine changed.

    The web app's, which ages beside it, is kept in date too.
    """
    with locked(settings.certs):
        authority = _with_issuers_in_date(settings)
        web_app_certificate.renew_where_due(settings, authority)
        certificate = server_certificate.renew_where_due(settings, authority)
        hand_out(settings)
        return certificate


def ensure_token_key(settings: Settings) -> Path:
    """The file of the private key (EC P-256, PEM, 0600) that signs people's tokens (ES256); made where there is none.

    Its public half lies beside it, for programs that only verify. UnsafeSettings where the file is open to others or holds no key.
    """
    path = settings.certs / "token-key.pem"
    with locked(settings.certs):
        if not path.exists():
            write_private(path, private_pem(ec.generate_private_key(ec.SECP256R1())))
        _publish(settings.certs / PEOPLES_KEY, _public_half(path))
        hand_out(settings)
    return path


def ensure_secret(path: Path) -> str:
    """The random token (32 bytes, URL-safe base64) kept in `path` (0600); made where there is none."""
    with locked(path.parent):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
        return read_private(path).decode().strip()


def ageing_without_root(authority: Authority, moment: datetime) -> list[str]:
    """What to tell the operator where an issuing certificate nears its end and the key that could renew it is not here."""
    if authority.root_key is not None:
        return []
    issuers = {"subscribers": authority.subscribers.certificate, "server": authority.servers.certificate}
    return [
        f"The issuing certificate of the {name} authority ends on {certificate.not_valid_after_utc:%Y-%m-%d}. Bring the "
        "root's key back to renew it: python -m backend certificate root-online FILE"
        for name, certificate in issuers.items()
        if is_ageing(certificate, moment)
    ]


def _create(settings: Settings) -> None:
    """Make the authority beside its place and move it there in one step: a killed start leaves nothing half made."""
    folder = authority_folder(settings)
    if (settings.certs / "ca.pem").exists():
        raise UnsafeSettings(
            f"{folder} is missing but {settings.certs / 'ca.pem'} is here. Restore the folder from a backup, or remove "
            "ca.pem to start over with a new authority that every client must be told to trust"
        )
    ensure_encryption_key(settings)
    unfinished = folder.with_name(".authority.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private_folder(unfinished)
    authority = Authority.create(now=datetime.now(UTC))
    write_certificates(authority, unfinished)
    seal_keys(settings, authority, unfinished)
    unfinished.rename(folder)
    flush(settings.certs)


def _with_issuers_in_date(settings: Settings) -> Authority:
    authority, moment = open_authority(settings), datetime.now(UTC)
    for warning in ageing_without_root(authority, moment):
        _log.warning("%s", warning)
    ageing = is_ageing(authority.subscribers.certificate, moment) or is_ageing(authority.servers.certificate, moment)
    if ageing and authority.root_key is not None:
        authority = authority.renew_issuers(now=moment)
        write_certificates(authority, authority_folder(settings))
    _publish(settings.certs / "ca.pem", pem(authority.root))
    return authority


def _public_half(path: Path) -> bytes:
    try:
        key = serialization.load_pem_private_key(read_private(path), password=None).public_key()
    except ValueError as error:
        raise UnsafeSettings(f"{path} holds no private key. Restore it from a backup or remove it.") from error
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _publish(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        write_public(path, content)
