"""MLflow over its REST protocol, for processes that must not import it: registered models, versions, aliases, runs and files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import IO, Any

from backend.errors import NotFound, NotReady
from backend.registry.mlflow_token import ensure_service_token
from backend.settings import Settings
from backend.training.mlflow_http import MlflowHttp, MlflowRefused, path_of

# Model to alias to version.
Aliases = Mapping[str, Mapping[str, int]]

_PAGE = 1000


class MlflowRest:
    """One connection to MLflow as the platform itself; safe to share between threads.

    Every call raises NotReady while MLflow does not answer, and NotFound where it does not know what was named.
    """

    def __init__(self, settings: Settings, seconds: float = 10) -> None:
        token = ensure_service_token(settings)
        self._http = MlflowHttp(settings.mlflow, lambda: token, seconds)

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
            with _in_our_words(but="RESOURCE_ALREADY_EXISTS"):
                self._http.post("registered-models/create", {"name": model})

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
        return path_of(self.run(run_id)["info"]["artifact_uri"])

    def experiments(self) -> dict[str, str]:
        """The experiments that are not deleted: name by id."""
        found = self._pages("experiments/search", "experiments", {})
        return {experiment["experiment_id"]: experiment["name"] for experiment in found}

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as MLflow tells it: `info`, `data` and `inputs`."""
        return dict(self._call("GET", "runs/get", {"run_id": run_id})["run"])

    def search_runs(
        self, experiments: Sequence[str], wanted: str, order_by: Sequence[str], most: int
    ) -> list[dict[str, Any]]:
        """The first runs of these experiments (by id) that fit, in MLflow's language of filters and orders."""
        body = {
            "experiment_ids": list(experiments), "filter": wanted, "order_by": list(order_by), "max_results": most
        }  # fmt: skip
        return list(self._call("POST", "runs/search", body).get("runs", []))

    def metric_points(self, run_ids: Sequence[str], metric: str, most: int) -> list[dict[str, Any]]:
        """What the runs logged of a metric: at most so many points of each, evenly chosen, in the order of their steps."""
        asked = {"run_ids": list(run_ids), "metric_key": metric, "max_results": str(most)}
        return list(self._call("GET", "metrics/get-history-bulk-interval", asked).get("metrics", []))

    def put_file(self, path: str, content: IO[bytes]) -> None:
        """Keep a file at that path of the artifact store."""
        with _in_our_words():
            self._http.put_artifact(path, content)

    @contextmanager
    def file(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes of a file of the artifact store, piece by piece."""
        with _in_our_words(), self._http.artifact(path) as pieces:
            yield pieces

    def _pages(self, path: str, key: str, question: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        asked = {"max_results": str(_PAGE), **question}
        while True:
            answer = self._call("GET", path, asked)
            yield from answer.get(key, [])
            if not answer.get("next_page_token"):
                return
            asked["page_token"] = answer["next_page_token"]

    def _call(self, method: str, path: str, values: Mapping[str, Any]) -> dict[str, Any]:
        with _in_our_words():
            if method == "GET":
                return self._http.get(path, **values)
            return (self._http.post if method == "POST" else self._http.delete)(path, values)


@contextmanager
def _in_our_words(*, but: str = "") -> Iterator[None]:
    """A refusal becomes NotFound or NotReady; one with the code `but` is as good as an answer."""
    try:
        yield
    except MlflowRefused as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            raise NotFound("MLflow does not know that model, version or file.", cause=str(refused)) from refused
        if not but or refused.code != but:
            raise NotReady("MLflow refused what the platform asked of it.", cause=str(refused)) from refused
