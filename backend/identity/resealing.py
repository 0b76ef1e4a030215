"""Secrets at rest moved from under one key-encryption key to that of the settings."""

from sqlalchemy import select

from backend.database import db
from backend.identity.authority_files import authority_folder, locked, read_encryption_key
from backend.identity.second_factor import seal_id
from backend.identity.sign_in_tables import SecondFactor
from backend.pki.keystore import read_private, write_private
from backend.pki.sealing import seal_bytes, unseal_bytes
from backend.settings import Settings


def reseal(settings: Settings, former: bytes) -> int:
    """Everything that `former` sealed, the authority's keys and second factors, is sealed by the present key; how many secrets.

    Raises UnsafeSettings, with nothing changed, where `former` does not open one of them. The caller commits.
    """
    present = read_encryption_key(settings)
    if present.strip() == former.strip():
        return 0
    with locked(settings.certs):
        keys = sorted(authority_folder(settings).glob("*.key"))
        resealed = {path: _moved(path.stem, read_private(path), former, present) for path in keys}
        factors = db.session.scalars(select(SecondFactor)).all()
        for factor in factors:
            document = factor.sealed_secret.encode()
            factor.sealed_secret = _moved(seal_id(factor.user_id), document, former, present).decode()
        db.session.flush()
        for path, document in resealed.items():
            write_private(path, document)
    return len(keys) + len(factors)


def _moved(key_id: str, document: bytes, former: bytes, present: bytes) -> bytes:
    return seal_bytes(key_id, unseal_bytes(key_id, document, former), present)
