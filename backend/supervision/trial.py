"""Whether the sample model answers, asked as any caller would ask."""

import time
from contextlib import suppress
from typing import Any

import httpx

from backend.settings import Settings
from backend.supervision.places import api_url

MODEL = "iris"
_DEADLINE_SECONDS = 120.0
_POLL_SECONDS = 0.5
_ROW = {"features": [5.1, 3.5, 1.4, 0.2]}
_UNTRAINED = frozenset({"failed", "cancelled"})


def wait_until_served(settings: Settings, http: httpx.Client, deadline: float = _DEADLINE_SECONDS) -> str:
    """Return when the sample model predicts: empty, or in words why it does not."""
    password = settings.certs / "initial-admin-password"
    if not password.exists():
        return ""  # changed already: nobody is waiting for the sample any more
    bearer: dict[str, str] = {}
    ends = time.monotonic() + deadline
    while time.monotonic() < ends:
        with suppress(httpx.HTTPError):  # the API may be starting again at this moment
            bearer = bearer or _sign_in(settings, http, password.read_text("utf-8").strip())
            job = _find_job(settings, http, bearer)
            if job["state"] in _UNTRAINED:
                return f"The sample model was not trained: {job['error'] or job['state']}."
            if job["state"] == "succeeded" and _is_served(settings, http, bearer):
                return ""
        time.sleep(_POLL_SECONDS)
    return f"The sample model is not served after {deadline:.0f} s; data/logs/worker.log says how far it is."


def _sign_in(settings: Settings, http: httpx.Client, password: str) -> dict[str, str]:
    """The header by which the administrator is known from now on."""
    answer = http.post(f"{api_url(settings)}/login", json={"username": "admin", "password": password})
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def _find_job(settings: Settings, http: httpx.Client, bearer: dict[str, str]) -> dict[str, Any]:
    """The newest training of the sample."""
    found = http.get(f"{api_url(settings)}/v1/jobs", params={"model": MODEL, "limit": 1}, headers=bearer)
    jobs: list[dict[str, Any]] = found.raise_for_status().json()["items"]
    return jobs[0] if jobs else {"state": "cancelled", "error": "its job is gone"}


def _is_served(settings: Settings, http: httpx.Client, bearer: dict[str, str]) -> bool:
    return http.post(f"{api_url(settings)}/v1/models/{MODEL}/predict", json=_ROW, headers=bearer).is_success
