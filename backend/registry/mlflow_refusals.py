"""What MLflow refuses on addresses that it answers itself, beside its Flask app: an answer comes in, the act for the journal goes out."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.audit import journal
from backend.errors import SignetError
from backend.registry.mlflow_acts import Keep, refusal
from backend.registry.mlflow_sign_in import Visitor

# By method, headers and cookies of a request.
Identify = Callable[[str, Mapping[str, str], Mapping[str, str]], Visitor]

_WORDS = 4  # such as /api/2.0/mlflow-artifacts/artifacts


def native_routes(routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Those that do not lead to the Flask app, which tells of its own refusals."""
    return [route for route in routes if not isinstance(route, Mount)]


class NativeRefusals:
    """Passes requests on, and tells whom MLflow did not allow what."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], identify: Identify, keep: Keep) -> None:
        self._app, self._routes, self._identify, self._keep = app, routes, identify, keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.FORBIDDEN:
                await run_in_threadpool(self._tell, scope)
            await send(message)

        await self._app(scope, receive, watch)

    def _tell(self, scope: Scope) -> None:
        if not any(route.matches(scope)[0] is Match.FULL for route in self._routes):
            return
        journal.enter(address=(scope.get("client") or ("",))[0], request_id="")
        try:
            request = HTTPConnection(scope)
            visitor = self._identify(scope["method"], request.headers, request.cookies)
            if not visitor.is_platform:
                self._keep(refusal(visitor, scope["method"], _place(scope["path"])))
        except SignetError:
            return  # nobody whom we know
        finally:
            journal.leave()


def _place(path: str) -> str:
    """The part of an address that is MLflow's own words; what follows may be any name that the caller chose."""
    parts = path.split("/")
    return "/".join([*parts[: _WORDS + 1], "..."] if len(parts) > _WORDS + 1 else parts)
