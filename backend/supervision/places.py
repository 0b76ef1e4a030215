"""Where people and programs on this machine find each part."""

import ipaddress

from backend.settings import Settings


def api_url(settings: Settings) -> str:
    return f"https://{_host(settings)}:{settings.port}"


def ui_url(settings: Settings) -> str:
    return f"https://{_host(settings)}:{settings.ui_port}"


def _host(settings: Settings) -> str:
    """The name to call: `localhost` unless the platform listens on one other address only."""
    try:
        address = ipaddress.ip_address(settings.bind)
    except ValueError:
        return settings.bind
    if address.is_loopback or address.is_unspecified:
        return "localhost"
    return f"[{address}]" if address.version == 6 else str(address)
