"""MLflow's REST interface as far as training needs it: a call comes in; its JSON goes out, or whether MLflow was away or refused.

MLflow's own client would cost each worker 8 seconds and 200 MB, retry on its own while a job is to be cancelled, and take the
credential from the environment, which training processes inherit.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from backend.errors import NotReady

_TIMEOUT = httpx.Timeout(10, connect=2)
# The operator can put these right while the job waits: a token that is being renewed, a server that starts or is overloaded.
_AWAY = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
)


class MlflowRefused(Exception):
    """MLflow answered, and the answer is no; `code` is its `error_code`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class MlflowHttp:
    """Calls with the platform's own credential; NotReady while MLflow is away. `token` is asked before each call."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        self._token = token
        # A proxy from the environment would be handed the token.
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """For example `get("experiments/get-by-name", experiment_name="iris")`."""
        return self._json("GET", f"/api/2.0/mlflow/{path}", params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """For example `post("runs/create", {"experiment_id": "1"})`."""
        return self._json("POST", f"/api/2.0/mlflow/{path}", json=body)

    def put_artifact(self, root: str, name: str, content: bytes) -> None:
        """Store bytes under `name` below an artifact root such as `mlflow-artifacts:/1/<run>/artifacts`."""
        path = root.removeprefix("mlflow-artifacts:").strip("/")
        self._json("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}/{quote(name)}", content=content)

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, headers={"Authorization": f"Bearer {self._token()}"}, **more)
        except httpx.TransportError as error:
            raise NotReady("MLflow does not answer.", cause=repr(error)) from error
        if response.is_success:
            return dict(response.json()) if response.content else {}
        if response.is_server_error or response.status_code in _AWAY:
            raise NotReady(
                "MLflow does not answer.", cause=f"{method} {path}: {response.status_code} {response.text[:500]}"
            )
        raise _refused(response)


def _refused(response: httpx.Response) -> MlflowRefused:
    try:
        body = response.json()
        return MlflowRefused(str(body["error_code"]), str(body.get("message", "")))
    except (ValueError, KeyError, TypeError):
        return MlflowRefused(str(response.status_code), response.text[:500])
