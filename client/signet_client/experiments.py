"""Runs of experiments: the platform's own, and those that scientists log in MLflow by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.run_types import Curves, Run, RunPlots, Runs
from signet_client.types import JobState


class Experiments:
    """The calls under `/v1/runs` and beside it."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def list(self) -> list[str]:
        """The names of the experiments; that of a model's runs is the model's."""
        return [each["name"] for each in self._call("GET", "/v1/experiments")["items"]]

    def runs(
        self,
        *,
        experiment: str | None = None,
        dataset: str | None = None,
        state: JobState | None = None,
        metric: str | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        by_metric: str | None = None,
        smallest_first: bool = False,
        limit: int | None = None,
    ) -> Runs:
        """Runs that fit, the newest first, or those that are best by a metric; `metric` is what the bounds are of."""
        asked = {
            "experiment": experiment,
            "dataset": dataset,
            "state": state,
            "metric": metric,
            "at_least": at_least,
            "at_most": at_most,
            "by_metric": by_metric,
            "smallest_first": "true" if smallest_first else None,
            "limit": limit,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        return cast("Runs", self._call("GET", "/v1/runs", params=given))

    def run(self, run_id: str) -> Run:
        return cast("Run", self._call("GET", path("v1", "runs", run_id)))

    def plots(self, run_id: str) -> RunPlots:
        """How the run fared on the rows that were held out, as data to draw."""
        return cast("RunPlots", self._call("GET", path("v1", "runs", run_id, "plots")))

    def curves(self, run_ids: Sequence[str], metric: str) -> Curves:
        """A metric step by step, for those of 1 to 10 runs that logged it."""
        asked = {"runs": ",".join(run_ids), "metric": metric}
        return cast("Curves", self._call("GET", "/v1/metric-curves", params=asked)["items"])
