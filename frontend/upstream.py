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
