"""Whether the sample model answers, asked as any caller would ask."""

import time
from contextlib import suppress

import httpx

from backend.settings import Settings
from backend.supervision.places import api_url

MODEL = "iris"
_DEADLINE_SECONDS = 120.0
_POLL_SECONDS = 0.2
_ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


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
            if http.post(f"{api_url(settings)}/v1/models/{MODEL}/predict", json=_ROW, headers=bearer).is_success:
                return ""
            if problem := _find_problem(settings, http, bearer):
                return problem
        time.sleep(_POLL_SECONDS)
    return f"The sample model is not served after {deadline:.0f} s; data/logs/worker.log says how far it is."


def _sign_in(settings: Settings, http: httpx.Client, password: str) -> dict[str, str]:
    """The header by which the administrator is known from now on."""
    answer = http.post(f"{api_url(settings)}/login", json={"username": "admin", "password": password})
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def _find_problem(settings: Settings, http: httpx.Client, bearer: dict[str, str]) -> str:
    """Why there will be no sample model; empty while there may be one."""
    jobs = http.get(f"{api_url(settings)}/v1/jobs", params={"model": MODEL, "limit": 1}, headers=bearer)
    for job in jobs.json().get("items", []) if jobs.is_success else []:
        if job["state"] in {"failed", "cancelled"}:
            return f"The sample model was not trained: {job['error'] or job['state']}."
    return ""
