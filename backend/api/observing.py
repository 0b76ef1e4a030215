"""What is seen of each request from outside: when it began, what answered it, how it ended."""

import time

from flask import Response, current_app, g, request

from backend.api import recording
from backend.api.platform import current_platform
from backend.api.refusals import caller_of
from backend.api.routing import Endpoint
from backend.monitoring.telling import Exchange
from backend.monitoring.trace import Trace, trace_of

_BEGAN, _SERVED, _TRACE = "signet.began", "signet.served", "signet.trace"


def begin() -> None:
    """A request begins."""
    request.environ[_BEGAN] = time.perf_counter()
    request.environ[_TRACE] = trace_of(request.headers.get("traceparent"))
    current_platform().traffic.enter()


def note_served(version: str, rows: int = 0) -> None:
    """This version is asked; and, once it has answered, for how many rows."""
    request.environ[_SERVED] = (version, rows)


def trace() -> Trace:
    """The place of this request in its trace."""
    found: Trace = request.environ[_TRACE]
    return found


def end(response: Response) -> None:
    """The answer is ready: it is told, and a prediction is counted; one that was refused too."""
    if _BEGAN not in request.environ:
        return
    seconds = time.perf_counter() - request.environ[_BEGAN]
    endpoint = current_app.view_functions.get(request.endpoint or "")
    model = endpoint.model_of(request.view_args or {}) or "" if isinstance(endpoint, Endpoint) else ""
    version, rows = request.environ.get(_SERVED, ("", 0))
    if isinstance(endpoint, Endpoint) and endpoint.predicts:
        _count(endpoint.protocol, response.status_code, seconds, model, version, rows)
        recording.keep(endpoint.protocol, seconds, response)
    _tell(response, seconds, model, version)


def leave() -> None:
    """The request is over."""
    if _BEGAN in request.environ:
        current_platform().traffic.leave()


def _count(protocol: str, status: int, seconds: float, model: str, version: str, rows: int) -> None:
    current_platform().traffic.record(
        model=model,
        version=version or None,
        protocol=protocol,
        caller=caller_of(request.environ),
        rows=rows,
        seconds=seconds,
        status=status,
    )


def _tell(response: Response, seconds: float, model: str, version: str) -> None:
    # The rule and not the path: what stands in an address may be a secret.
    rule = request.url_rule
    sent = response.calculate_content_length() if not response.is_streamed else None
    current_platform().teller.tell(
        Exchange(
            at=time.time(),
            seconds=seconds,
            request_id=g.get("request_id", ""),
            trace=trace(),
            method=request.method,
            route=rule.rule.replace("<", "{").replace(">", "}") if rule else "",
            status=response.status_code,
            caller=caller_of(request.environ),
            model=model,
            version=version,
            received=-1 if request.content_length is None else request.content_length,
            sent=-1 if sent is None else sent,
        )
    )
