"""The certificate by which the platform's own web app shows the API that it is the web app: kept in date, and known again.

`certs/web-app.pem` (0600) holds key and certificate together, so that the two always match. The one before it stays good until its own
end (`certs/web-app-previous.pem`), because a running web app may still present it. Taking both files away shuts out whoever has them.
"""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization

from backend.database import now
from backend.errors import InvalidCertificate
from backend.identity.certificates import fingerprint_of
from backend.identity.principal import Principal
from backend.pki.authority import Authority, is_ageing, new_key, web_app_identity
from backend.pki.certifying import pem
from backend.pki.keystore import private_pem, read_private, write_private, write_public
from backend.settings import Settings

FILE, PREVIOUS = "web-app.pem", "web-app-previous.pem"
NAME: Final = "web-app"


def renew_where_due(settings: Settings, authority: Authority) -> None:
    """The web app's key and certificate, made anew where missing, ageing, or not of the present authority and trust domain."""
    present = _find_present(settings.certs / FILE)
    if present is not None and _can_stay(settings, authority, present):
        return
    if present is not None:
        write_public(settings.certs / PREVIOUS, pem(present))
    key = new_key(NAME)
    certificate = authority.issue_web_app_certificate(key.public_key(), trust_domain=settings.trust_domain, now=now())
    write_private(settings.certs / FILE, private_pem(key) + pem(certificate))


def verify_web_app(settings: Settings, der: bytes) -> Principal:
    """The web app, whose certificate (DER, its key proved by TLS) this is; InvalidCertificate for any other, or past its end.

    As with subscribers, nothing that the certificate says decides: it is the one in the file, or it is not.
    """
    known = [_known(settings.certs / name) for name in (FILE, PREVIOUS)]
    fingerprint, moment = fingerprint_of(der), now()
    for entry in known:
        if entry is not None and entry[0] == fingerprint and moment < entry[1]:
            return Principal(kind=NAME, id=NAME, name=NAME, certificate=fingerprint, ends_at=entry[1])
    raise InvalidCertificate("This certificate is not that of the platform's own web app.")


def _find_present(path: Path) -> x509.Certificate | None:
    """The certificate of the file where its key fits; UnsafeSettings where others can read it."""
    try:
        content = read_private(path)
        key = serialization.load_pem_private_key(content, password=None)
        (certificate,) = x509.load_pem_x509_certificates(content)
    except (FileNotFoundError, ValueError):
        return None
    return certificate if certificate.public_key() == key.public_key() else None


def _can_stay(settings: Settings, authority: Authority, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.subscribers.certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return list(names) == [web_app_identity(settings.trust_domain)] and not is_ageing(certificate, now())


def _known(path: Path) -> tuple[str, datetime] | None:
    """Fingerprint and end of the certificate in the file, read again only where the file is another."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return _read(path, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _inode: int) -> tuple[str, datetime] | None:
    try:
        (certificate,) = x509.load_pem_x509_certificates(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return certificate.fingerprint(hashes.SHA256()).hex(), certificate.not_valid_after_utc
