"""The client of nobody in particular, from which each sign-in gets its own; all share one pool of connections."""

from __future__ import annotations

from functools import cache

from frontend.settings import load_settings
from signet_client import Signet, Unreachable


@cache
def platform() -> Signet:
    """Unreachable while the platform has not written its authority's certificate yet."""
    settings = load_settings()
    try:
        return Signet(settings.api_url, ca=settings.ca)
    except FileNotFoundError as error:
        raise Unreachable("The platform is still starting: its certificates do not exist yet.") from error


def browser_headers(address: str | None) -> dict[str, str]:
    """What makes the API count and record an act under the browser's address and not under this machine's.

    Empty where the address is not known, or where this home is not the API's and so holds no secret to be believed by.
    """
    token = load_settings().web_app_token
    if not address or not token.exists():
        return {}
    return {"Signet-Browser-Address": address, "Signet-Web-App-Token": token.read_text(encoding="utf-8").strip()}
