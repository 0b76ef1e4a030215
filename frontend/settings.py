"""What the web app reads from the environment, once, typed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ORIGIN = re.compile(r"https://[^/?#@\s]+")
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """Where the API is, what to trust, where to listen and how much may be uploaded."""

    home: Path
    api_url: str
    bind: str
    port: int
    max_upload_mb: int
    # Where browsers reach the web app through a proxy; empty where they come directly.
    web_origin: str = ""
    api_internal_url: str = ""

    @property
    def reached_at(self) -> str:
        """Where this process finds the API; people and services may know it by another address."""
        return self.api_internal_url or self.api_url

    @property
    def ca(self) -> Path:
        return self.home / "certs" / "ca.pem"

    @property
    def certificate(self) -> tuple[Path, Path]:
        """The server's certificate and key, PEM."""
        return self.home / "certs" / "server.pem", self.home / "certs" / "server.key"

    @property
    def client_certificate(self) -> Path:
        """Key and certificate (PEM) by which the API knows this web app; the platform makes and renews the file."""
        return self.home / "certs" / "web-app.pem"

    @property
    def spool(self) -> Path:
        """Where the slices of an upload wait until they are complete."""
        return self.home / "data" / "incoming"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment; ValueError names a variable that is wrong."""
    port = _number(environment, "SIGNET_PORT", 8443)
    return Settings(
        home=Path(environment.get("SIGNET_HOME") or REPOSITORY).expanduser().resolve(),
        api_url=environment.get("SIGNET_API_URL") or f"https://localhost:{port}",
        bind=environment.get("SIGNET_BIND") or "127.0.0.1",
        port=_number(environment, "SIGNET_UI_PORT", 8501),
        max_upload_mb=_number(environment, "SIGNET_MAX_UPLOAD_MB", 2048),
        web_origin=_origin(environment),
        api_internal_url=environment.get("SIGNET_API_INTERNAL_URL", ""),
    )


@cache
def load_settings() -> Settings:
    """The settings of this process."""
    # The one place in the web app that reads the environment, as backend/settings.py is in the backend.
    return read_settings(os.environ)  # noqa: TID251


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal():
        raise ValueError(f"{name} is to be a whole number, not {text!r}.")
    return int(text)


def _origin(environment: Mapping[str, str]) -> str:
    """As browsers write an origin: small letters, and no port where it is the usual one."""
    text = environment.get("SIGNET_WEB_ORIGIN", "").lower().removesuffix(":443")
    if text and not _ORIGIN.fullmatch(text):
        raise ValueError("SIGNET_WEB_ORIGIN is to be like https://signet.example.org, without a path.")
    return text
