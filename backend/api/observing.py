"""What is seen of each request from outside: when it began, what answered it, how it ended."""

import time

from flask import Response, current_app, request

from backend.api.platform import Platform
from backend.api.refusals import caller_of
from backend.api.routing import Endpoint

_BEGAN, _SERVED = "signet.began", "signet.served"


def begin() -> None:
    """A request begins."""
    request.environ[_BEGAN] = time.perf_counter()
    _platform().traffic.enter()


def note_served(version: str, rows: int = 0) -> None:
    """This version is asked; and, once it has answered, for how many rows."""
    request.environ[_SERVED] = (version, rows)


def end(response: Response) -> None:
    """The answer is ready: a prediction is counted, one that was refused too."""
    endpoint = current_app.view_functions.get(request.endpoint or "")
    if not isinstance(endpoint, Endpoint) or not endpoint.predicts or _BEGAN not in request.environ:
        return
    version, rows = request.environ.get(_SERVED, (None, 0))
    _platform().traffic.record(
        model=endpoint.model_of(request.view_args or {}) or "",
        version=version,
        protocol=endpoint.protocol,
        caller=caller_of(request.environ),
        rows=rows,
        seconds=time.perf_counter() - request.environ[_BEGAN],
        status=response.status_code,
    )


def leave() -> None:
    """The request is over."""
    if _BEGAN in request.environ:
        _platform().traffic.leave()


def _platform() -> Platform:
    platform: Platform = current_app.extensions["signet"]
    return platform
