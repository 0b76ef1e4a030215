"""The addresses of our own beside Streamlit's: a session's cookie is set and cleared; uploads arrive in slices."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from frontend import request_ids, upstream
from frontend.cookie import clear_cookie, read_visitor, set_cookie
from frontend.origin import is_ours
from frontend.sessions import SESSIONS, Visitor
from signet_client import Refused, SignetError
from signet_client.session_types import NewWebSession

Endpoint = Callable[[Request], Awaitable[Response]]
LARGEST_JSON = 8192

_log = logging.getLogger("signet.ui")


def same_origin(endpoint: Endpoint) -> Endpoint:
    """Lets a request pass only from a page of ours; no other origin can send this header without asking first."""

    @wraps(endpoint)
    async def checked(request: Request) -> Response:
        headers = request.headers
        is_same = headers.get("sec-fetch-site", "same-origin") == "same-origin"
        if headers.get("x-signet-ui") == "1" and is_same and is_ours(request):
            return await endpoint(request)
        return refused(403, "not-allowed", "This address answers only our own pages.")

    return checked


def refused(
    status: int, code: str, detail: str, *, request_id: str | None = None, received: int | None = None
) -> JSONResponse:
    """An error in the API's shape (RFC 9457) that a page can show; `request_id` where the API's own is known."""
    name = request_id or request_ids.current()
    document = {
        "type": f"urn:signet:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
        "code": code,
        "request_id": name,
    }
    if received is not None:
        document["received"] = received
    _log.warning("refused with %d %s [%s]", status, code, name)
    return JSONResponse(document, status, {request_ids.HEADER: name}, "application/problem+json")


def refused_by_api(error: SignetError) -> JSONResponse:
    """What the API refused, as it said it; 502 where it said nothing."""
    status, code = (error.status, error.code) if isinstance(error, Refused) else (502, "unreachable")
    return refused(status, code, error.detail, request_id=error.request_id)


async def read_json(request: Request) -> dict[str, object]:
    """The small JSON object of a request; empty for anything else."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_JSON:
            return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@same_origin
async def begin_session(request: Request) -> Response:
    """Exchange the code of a good sign-in for the cookie; an older session of this browser ends."""
    visitor, code = read_visitor(request), str((await read_json(request)).get("code", ""))
    try:
        begun = await to_thread.run_sync(_exchange, code, visitor)
    except SignetError as error:
        return refused_by_api(error)
    if begun is None:
        return refused(401, "invalid-code", "The sign-in took too long. Sign in again.")
    await _end(visitor)
    response = Response(status_code=204)
    set_cookie(response, begun["handle"], begun["max_age"])
    return response


@same_origin
async def end_session(request: Request) -> Response:
    """Clear the cookie and end its session."""
    await _end(read_visitor(request))
    response = Response(status_code=204)
    clear_cookie(response)
    return response


@same_origin
async def session_state(request: Request) -> Response:
    """204 where the session of the browser lives, 401 where it does not; asking is no use of it."""
    try:
        found = await to_thread.run_sync(SESSIONS.find, read_visitor(request))
    except SignetError as error:
        return refused_by_api(error)
    return Response(status_code=204) if found else refused(401, "unauthenticated", "Sign in first.")


def _exchange(code: str, visitor: Visitor) -> NewWebSession | None:
    return upstream.platform().web_sessions.exchange(code, agent=visitor.agent)


async def _end(visitor: Visitor) -> None:
    """The browser forgets its cookie whatever the API answers."""
    try:
        await to_thread.run_sync(SESSIONS.end, visitor)
    except SignetError as error:
        _log.warning("a session could not be ended at the API: %s", error.detail)


ROUTES = [
    Route("/ui/session", begin_session, methods=["POST"]),
    Route("/ui/session/end", end_session, methods=["POST"]),
    Route("/ui/session/state", session_state, methods=["POST"]),
]
