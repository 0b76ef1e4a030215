"""Whether a request comes from a page of ours: its Origin (RFC 6454) is compared with where browsers reach the web app."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from frontend.settings import load_settings


def is_ours(connection: HTTPConnection) -> bool:
    """Whether the browser says that a page of our own origin sends this; a request without an origin says nothing."""
    return connection.headers.get("origin", "") == our_origin(connection)


def our_origin(connection: HTTPConnection) -> str:
    """Where the browser finds us: as configured, since a proxy may pass another Host on, else under the name that was asked for."""
    return load_settings().web_origin or f"https://{connection.headers.get('host', '')}"


def our_host(connection: HTTPConnection) -> str:
    """The name or address by which the browser knows us, without a port."""
    try:
        return urlsplit(our_origin(connection)).hostname or ""
    except ValueError:
        return ""
