"""MLflow over HTTP, and what training needs of it: a call goes in; its answer comes out, or whether MLflow was away or refused.

MLflow's own client would cost each worker 8 seconds and 200 MB, retry on its own while a job is to be cancelled, and take the
credential from the environment, which training processes inherit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from http import HTTPStatus
from ssl import SSLContext
from typing import IO, Any
from urllib.parse import quote

import httpx

from backend.errors import NotReady

_API, _ARTIFACTS = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"
_CONNECT_SECONDS = 2.0
_SILENT = "MLflow does not answer at the moment. Try again in a few seconds."
# The operator can put these right while the caller waits: a token that is being renewed, a server that starts or is overloaded.
_AWAY = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
)


class MlflowRefused(Exception):
    """MLflow answered, and the answer is no; `code` is its `error_code`, `status` that of HTTP."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.status, self.code = status, code


class MlflowHttp:
    """Calls with the platform's own credential, for which `token` is asked before each; safe to share between threads.

    Every call raises NotReady while MLflow is away, and MlflowRefused where it says no.
    """

    def __init__(self, url: str, token: Callable[[], str], seconds: float = 10) -> None:
        self._token = token
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        # A proxy from the environment would be handed the token.
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=_trust())

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: str | Sequence[str]) -> dict[str, Any]:
        """For example `get("experiments/get-by-name", experiment_name="iris")`; a sequence is a parameter that is repeated."""
        return self._json("GET", path, params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """For example `post("runs/create", {"experiment_id": "1"})`."""
        return self._json("POST", path, json=body)

    def delete(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """For example `delete("model-versions/delete", {"name": "iris", "version": "1"})`."""
        return self._json("DELETE", path, json=body)

    def put_artifact(self, path: str, content: bytes | IO[bytes]) -> None:
        """Keep bytes, or what an open file holds, at that path of the artifact store."""
        with self._answer("PUT", f"{_ARTIFACTS}/{quote(path)}", content=content):
            pass

    @contextmanager
    def artifact(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a file of the artifact store, piece by piece, as they were kept."""
        with self._answer("GET", f"{_ARTIFACTS}/{quote(path)}", headers={"Accept-Encoding": "identity"}) as response:
            yield response.iter_raw()

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        with self._answer(method, f"{_API}/{path}", **more) as response:
            return dict(response.json()) if response.read() else {}

    @contextmanager
    def _answer(self, method: str, path: str, **more: Any) -> Iterator[httpx.Response]:
        headers = {"Authorization": f"Bearer {self._token()}", **more.pop("headers", {})}
        try:
            with closing(self._send(self._http.build_request(method, path, headers=headers, **more))) as response:
                if not response.is_success:
                    response.read()
                    raise _judged(response)
                yield response
        except httpx.TransportError as error:
            raise NotReady(_SILENT, cause=repr(error)) from error

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request, stream=True)
        except httpx.RemoteProtocolError:
            # MLflow closes a connection that has rested at the very moment at which it is used again; to read twice changes nothing.
            if request.method != "GET":
                raise
            return self._http.send(request, stream=True)


@cache
def _trust() -> SSLContext:
    """Whom to trust where MLflow is reached by TLS; read once in a process.

    It takes 30 ms and some hundred kilobytes, which each client that was used and closed would hold until Python's collector comes round.
    """
    return httpx.create_ssl_context(trust_env=False)


def path_of(artifact_uri: str) -> str:
    """Where in the artifact store a URI such as `mlflow-artifacts:/1/<run>/artifacts` points."""
    return artifact_uri.removeprefix("mlflow-artifacts:").strip("/")


def _judged(response: httpx.Response) -> NotReady | MlflowRefused:
    call = f"{response.request.method} {response.request.url.path}: {response.status_code}"
    if response.is_server_error or response.status_code in _AWAY:
        return NotReady(_SILENT, cause=f"{call} {response.text[:500]}")
    try:
        body = response.json()
        return MlflowRefused(response.status_code, str(body["error_code"]), f"{call} {body.get('message', '')}")
    except (ValueError, KeyError, TypeError):
        return MlflowRefused(response.status_code, "", f"{call} {response.text[:500]}")
