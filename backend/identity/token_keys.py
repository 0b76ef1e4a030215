"""The key that signs people's tokens and the one that verifies them, as the texts that a JWT library takes."""

from backend.errors import UnsafeSettings
from backend.identity.authority import ensure_token_key
from backend.identity.handing_out import PEOPLES_KEY
from backend.pki.keystore import read_private
from backend.settings import Settings


def read_token_key(settings: Settings) -> tuple[str, str]:
    """The private and the public key (PEM); UnsafeSettings where the file is open to others or holds no key."""
    path = ensure_token_key(settings)
    return read_private(path).decode(), read_public_token_key(settings)


def read_public_token_key(settings: Settings) -> str:
    """The public key alone (PEM), for who only verifies; UnsafeSettings where it is not there."""
    path = settings.certs / PEOPLES_KEY
    try:
        return path.read_text("ascii")
    except FileNotFoundError as error:
        raise UnsafeSettings(f"{path} is missing. The API makes it when it starts.") from error
