"""Addresses built from names that people chose."""

from urllib.parse import quote


def path(*parts: str) -> str:
    """A path of these parts, each quoted, so that a name cannot lead to another address."""
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("An id or name is empty or a dot.")
    return "/" + "/".join(quote(part, safe="") for part in parts)
