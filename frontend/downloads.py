"""The addresses from which our own pages fetch files: a key's file (once), the journal, scored rows, the root certificate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

from frontend import scored
from frontend.routes import read_json, refused, refused_by_api
from frontend.sessions import SignedIn
from frontend.settings import load_settings
from frontend.uploads import for_signed_in
from signet_client import Signet, SignetError

TEXTS = ("event", "actor", "target", "outcome")
TIMES = ("since", "until")


@for_signed_in
async def key_file(request: Request, session: SignedIn, _owner: str) -> Response:
    """The PKCS#12 file of a key that the platform made, for who gives their password again; it stays nowhere."""
    body = await read_json(request)
    token, password, otp = (str(body.get(name) or "") for name in ("token", "password", "otp"))
    try:
        content = await to_thread.run_sync(session.signet.certificates.key_file, token or "none", password, otp)
    except SignetError as error:
        return refused_by_api(error)
    return Response(content, media_type="application/x-pkcs12")


@for_signed_in
async def audit(request: Request, session: SignedIn, _owner: str) -> Response:
    """The journal as CSV, as long as it may be, piece by piece."""
    try:
        pieces = _exported(session.signet, _question(await read_json(request)))
    except ValueError:
        return refused(400, "malformed", "The question could not be understood.")
    try:
        first = await to_thread.run_sync(next, pieces, b"")
    except SignetError as error:
        return refused_by_api(error)
    return StreamingResponse(chain([first], pieces), media_type="text/csv; charset=utf-8")


@for_signed_in
async def scored_rows(request: Request, _session: SignedIn, owner: str) -> Response:
    """Rows with their predictions, or what was wrong with them, for the session that had them scored."""
    token = str((await read_json(request)).get("token") or "")
    return FileResponse(scored.scored_files().find(owner, token), media_type="text/csv; charset=utf-8")


@for_signed_in
async def root_certificate(_request: Request, _session: SignedIn, _owner: str) -> Response:
    """What a service must trust; no secret."""
    return FileResponse(load_settings().ca, media_type="application/x-pem-file")


def _exported(signet: Signet, asked: dict[str, Any]) -> Iterator[bytes]:
    with signet.audit.export(**asked) as pieces:
        yield from pieces


def _question(body: dict[str, object]) -> dict[str, Any]:
    """What is asked of the journal; ValueError for a time that is none."""
    texts = {name: str(body[name]) for name in TEXTS if body.get(name)}
    return texts | {name: datetime.fromisoformat(str(body[name])) for name in TIMES if body.get(name)}


ROUTES = [
    Route("/ui/downloads/key-file", key_file, methods=["POST"]),
    Route("/ui/downloads/audit", audit, methods=["POST"]),
    Route("/ui/downloads/scored", scored_rows, methods=["POST"]),
    Route("/ui/downloads/ca", root_certificate, methods=["POST"]),
]
