"""The task that waits until every part answers, and then tells the person where to begin."""

import ssl
import time
from collections.abc import Iterable
from functools import partial

import click
import httpx

from backend.settings import Settings
from backend.supervision.invitation import invitation
from backend.supervision.marker import clear_first, is_first
from backend.supervision.places import api_url, ui_url
from backend.supervision.trial import wait_until_served

DEADLINE_SECONDS = 300.0
_REMINDER_SECONDS = 30.0
_POLL_SECONDS = 0.1
_say = partial(click.echo, color=False)


def announce(settings: Settings, started_at: float, deadline: float = DEADLINE_SECONDS) -> int:
    """Print where to begin once all answer (`started_at` in seconds since the epoch); 1 where they never do."""
    trust = ssl.create_default_context(cafile=settings.certs / "ca.pem")
    with httpx.Client(verify=trust, trust_env=False, timeout=5) as http:
        if silent := _wait(http, _addresses(settings), deadline):
            _say(f"{_list(silent)} did not answer within {deadline:.0f} s. The lines above, and data/logs, say why.")
            return 1
        first = is_first(settings)
        if first and (problem := wait_until_served(settings, http)):
            _say(problem)
    for line in invitation(settings, time.time() - started_at, first=first):
        _say(line)
    clear_first(settings)
    return 0


def _addresses(settings: Settings) -> dict[str, str]:
    """What each part answers at when it is ready."""
    return {
        "MLflow": f"{settings.mlflow}/health",
        "the API": f"{api_url(settings)}/health/ready",
        "the web app": f"{ui_url(settings)}/_stcore/health",
    }


def _wait(http: httpx.Client, addresses: dict[str, str], deadline: float) -> list[str]:
    """Ask again and again; the parts that did not answer well within `deadline` seconds."""
    silent = dict(addresses)
    began = reminded = time.monotonic()
    while time.monotonic() - began < deadline:
        silent = {part: url for part, url in silent.items() if not _is_well(http, url)}
        if not silent:
            break
        if time.monotonic() - reminded > _REMINDER_SECONDS:
            reminded = time.monotonic()
            _say(f"Still waiting for {_list(silent)} ...")
        time.sleep(_POLL_SECONDS)
    return list(silent)


def _is_well(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(url).is_success
    except httpx.HTTPError:
        return False


def _list(parts: Iterable[str]) -> str:
    return " and ".join(parts)
