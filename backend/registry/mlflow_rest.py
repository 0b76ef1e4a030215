"""MLflow over its REST protocol, for processes that must not import it: registered models, versions, aliases and files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

import httpx

from backend.errors import NotFound, NotReady
from backend.registry.mlflow_token import ensure_service_token
from backend.settings import Settings

# Model to alias to version.
Aliases = Mapping[str, Mapping[str, int]]

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE = 1000
_SILENT = "MLflow does not answer at the moment. Try again in a few seconds."


class MlflowRest:
    """One connection to MLflow as the platform itself; safe to share between threads.

    Every call raises NotReady while MLflow does not answer, and NotFound where it does not know what was named.
    """

    def __init__(self, settings: Settings, seconds: float = 10) -> None:
        headers = {"Authorization": f"Bearer {ensure_service_token(settings)}", "Accept-Encoding": "identity"}
        self._http = httpx.Client(base_url=settings.mlflow, headers=headers, timeout=seconds, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def aliases(self) -> Aliases:
        """Which version each alias of each model names, in one question."""
        return {
            model["name"]: {alias["alias"]: int(alias["version"]) for alias in model.get("aliases", [])}
            for model in self._pages("registered-models/search", "registered_models", {})
        }

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Name that version, instead of the one that the alias named so far."""
        self._call("POST", "registered-models/alias", {"name": model, "alias": alias, "version": str(version)})

    def delete_alias(self, model: str, alias: str) -> None:
        """Name no version any more."""
        self._call("DELETE", "registered-models/alias", {"name": model, "alias": alias})

    def ensure_model(self, model: str) -> None:
        """A registered model of that name, made where there is none."""
        try:
            self._call("GET", "registered-models/get", {"name": model})
        except NotFound:
            answer = self._send("POST", f"{_API}/registered-models/create", json={"name": model})
            if _error_code(answer) != "RESOURCE_ALREADY_EXISTS":
                _verify(answer)

    def find_versions(self, model: str, tag: str, value: str) -> list[int]:
        """The versions of the model that carry the tag, the oldest first; none where there is no such model."""
        name, wanted = model.replace("'", ""), value.replace("'", "")
        filters = {"filter": f"name = '{name}' and tag.`{tag}` = '{wanted}'"}
        return sorted(int(v["version"]) for v in self._pages("model-versions/search", "model_versions", filters))

    def create_version(self, model: str, run_id: str, source: str, tags: Mapping[str, str]) -> int:
        """A new version, born with its tags."""
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        body = {"name": model, "run_id": run_id, "source": source, "tags": listed}
        return int(self._call("POST", "model-versions/create", body)["model_version"]["version"])

    def delete_version(self, model: str, version: int) -> None:
        """The version is gone for good."""
        self._call("DELETE", "model-versions/delete", {"name": model, "version": str(version)})

    def artifact_root(self, run_id: str) -> str:
        """Where the run keeps its files, below `mlflow-artifacts:/`."""
        uri: str = self._call("GET", "runs/get", {"run_id": run_id})["run"]["info"]["artifact_uri"]
        return uri.removeprefix("mlflow-artifacts:/").lstrip("/")

    def put_file(self, path: str, content: IO[bytes]) -> None:
        """Keep a file at that path of the artifact store."""
        _verify(self._send("PUT", f"{_ARTIFACTS}/{quote(path)}", content=content))

    @contextmanager
    def file(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a file of the artifact store, piece by piece."""
        try:
            with self._http.stream("GET", f"{_ARTIFACTS}/{quote(path)}") as answer:
                if answer.is_error:
                    answer.read()
                _verify(answer)
                yield answer.iter_raw()
        except httpx.TransportError as error:
            raise NotReady(_SILENT, cause=repr(error)) from error

    def _pages(self, path: str, key: str, question: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        asked = {"max_results": str(_PAGE), **question}
        while True:
            answer = self._call("GET", path, asked)
            yield from answer.get(key, [])
            if not answer.get("next_page_token"):
                return
            asked["page_token"] = answer["next_page_token"]

    def _call(self, method: str, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {"params": values} if method == "GET" else {"json": values}
        answer = self._send(method, f"{_API}/{path}", **given)
        _verify(answer)
        found: dict[str, Any] = answer.json()
        return found

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **given)
        except httpx.TransportError as error:
            raise NotReady(_SILENT, cause=repr(error)) from error


def _verify(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    cause = f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise NotFound("MLflow does not know that model, version or file.", cause=cause)
    raise NotReady("MLflow refused what the platform asked of it.", cause=cause)


def _error_code(answer: httpx.Response) -> str | None:
    if answer.headers.get("Content-Type", "").startswith("application/json") and answer.is_error:
        code: str | None = answer.json().get("error_code")
        return code
    return None
