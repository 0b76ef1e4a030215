"""The key that signs people's tokens, as the texts that a JWT library takes."""

from cryptography.hazmat.primitives import serialization

from backend.errors import UnsafeSettings
from backend.identity.authority import ensure_token_key
from backend.pki.keystore import read_private
from backend.settings import Settings


def read_token_key(settings: Settings) -> tuple[str, str]:
    """The private and the public key (PEM); UnsafeSettings where the file is open to others or holds no key."""
    path = ensure_token_key(settings)
    pem = read_private(path)
    try:
        public = serialization.load_pem_private_key(pem, password=None).public_key()
    except ValueError as error:
        raise UnsafeSettings(f"{path} holds no private key. Restore it from a backup or remove it.") from error
    spki = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem.decode(), spki.decode()
