"""From which address a request comes: that of its connection, or what our own web app says of the browser that it works for.

People of the web app all reach the API from the machine on which it runs. Were that their address, whoever fails to sign in there
would slow everybody. The web app shows by its certificate that it is to be believed; nobody else can state an address.
"""

import ipaddress

from flask import Flask, current_app, request

from backend.api.web_app import stated_by_web_app
from backend.settings import Settings

ADDRESS = "Signet-Browser-Address"
_EXTENSION = "signet.caller"


def install(app: Flask, settings: Settings) -> None:
    """Requests to this app are told where they come from."""
    app.extensions[_EXTENSION] = settings


def caller_address() -> str:
    """The caller's address as text; empty where there is none, as on a Unix socket."""
    stated = stated_by_web_app(current_app.extensions[_EXTENSION], ADDRESS)
    return stated if _is_address(stated) else request.remote_addr or ""


def caller_agent() -> str:
    """The program that the caller says it is."""
    return request.headers.get("User-Agent", "")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
