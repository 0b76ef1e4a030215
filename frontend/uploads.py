"""The addresses under which the browser sends a file, slice by slice, and the API's answer comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial, wraps
from pathlib import PurePath

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from frontend.cookie import read_visitor
from frontend.relay import Incoming, Relay, RelayError
from frontend.routes import Endpoint, read_json, refused, refused_by_api, same_origin
from frontend.sessions import SESSIONS, SignedIn, digest
from frontend.settings import load_settings
from signet_client import SignetError
from signet_client.types import Dataset

Upload = Callable[[Request, SignedIn, str], Awaitable[Response]]
OPTIONS = ("header", "sheet")


@cache
def relay() -> Relay:
    settings = load_settings()
    return Relay(settings.spool, settings.max_upload_mb * 1024 * 1024)


def for_signed_in(upload: Upload) -> Endpoint:
    """An address for a page of ours whose person is signed in; errors leave in the API's words."""

    @same_origin
    @wraps(upload)
    async def checked(request: Request) -> Response:
        visitor = read_visitor(request)
        try:
            entry = await to_thread.run_sync(partial(SESSIONS.find, visitor, active=True))
            if entry is None:
                return refused(401, "unauthenticated", "Sign in first.")
            return await upload(request, entry, digest(visitor.handle))
        except SignetError as error:
            return refused_by_api(error)
        except RelayError as error:
            return refused(error.status, error.code, error.detail, received=error.received)

    return checked


@for_signed_in
async def begin_upload(request: Request, _session: SignedIn, owner: str) -> Response:
    asked = await read_json(request)
    size, filename = asked.get("size"), str(asked.get("filename", ""))[:255]
    if not isinstance(size, int):
        raise RelayError(400, "malformed", "Say how large the file is.")
    entry = relay().begin(owner, filename, size)
    return JSONResponse({"id": entry.id}, status_code=201)


@for_signed_in
async def write_slice(request: Request, _session: SignedIn, owner: str) -> Response:
    entry = relay().find(owner, request.path_params["upload_id"])
    offset, sha256 = request.path_params["offset"], request.headers.get("x-slice-sha256", "")
    await relay().write(entry, offset, request.stream(), sha256)
    return JSONResponse({"received": entry.received})


@for_signed_in
async def cancel_upload(request: Request, _session: SignedIn, owner: str) -> Response:
    relay().forget(relay().find(owner, request.path_params["upload_id"]))
    return Response(status_code=204)


@for_signed_in
async def keep_upload(request: Request, _session: SignedIn, owner: str) -> Response:
    """The whole file stays here for a page of the same session, which takes it away."""
    entry = _complete(request, owner)
    return JSONResponse({"id": entry.id, "name": entry.filename})


@for_signed_in
async def finish_upload(request: Request, session: SignedIn, owner: str) -> Response:
    """Hand the whole file on; the answer is the dataset, or why it is none."""
    entry = _complete(request, owner)
    asked = {key: str(value) for key, value in (await read_json(request)).items()}
    try:
        dataset = await to_thread.run_sync(_hand_on, session, entry, asked)
    except SignetError as error:
        return refused_by_api(error)
    finally:
        relay().forget(entry)
    return JSONResponse(dataset, status_code=201)


def _complete(request: Request, owner: str) -> Incoming:
    entry = relay().find(owner, request.path_params["upload_id"])
    if not entry.is_complete:
        raise RelayError(409, "conflict", f"Only {entry.received} of {entry.size} bytes have arrived.")
    return entry


def _hand_on(session: SignedIn, entry: Incoming, asked: dict[str, str]) -> Dataset:
    options = {key: asked[key] for key in OPTIONS if asked.get(key)}
    name = asked.get("name") or PurePath(entry.filename).stem or entry.filename
    with entry.path.open("rb") as file:
        return session.signet.datasets.upload(file, name=name, filename=entry.filename, options=options)


ROUTES = [
    Route("/ui/uploads", begin_upload, methods=["POST"]),
    Route("/ui/uploads/{upload_id}", cancel_upload, methods=["DELETE"]),
    Route("/ui/uploads/{upload_id}/slices/{offset:int}", write_slice, methods=["PUT"]),
    Route("/ui/uploads/{upload_id}/keep", keep_upload, methods=["POST"]),
    Route("/ui/uploads/{upload_id}/finish", finish_upload, methods=["POST"]),
]
