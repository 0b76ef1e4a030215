"""The shapes of runs and of what is drawn of them."""

from __future__ import annotations

from typing import TypedDict

from signet_client.types import JobState, Plots


class RunData(TypedDict):
    """A table that a run learnt from; `id` where it is a dataset of the platform."""

    name: str
    digest: str
    id: str | None


class RunVersion(TypedDict):
    """The registered version that a run became."""

    model: str
    version: str
    aliases: list[str]


class Run(TypedDict):
    """`metrics` has the latest value of each, None for what is not finite; `curves` names those that were logged step by step."""

    id: str
    name: str
    experiment: str
    state: JobState
    created_by: str
    started_at: str | None
    finished_at: str | None
    task: str | None
    job_id: str | None
    datasets: list[RunData]
    params: dict[str, str]
    metrics: dict[str, float | None]
    curves: list[str]
    tags: dict[str, str]
    note: str
    version: RunVersion | None
    url: str


class Runs(TypedDict):
    """`more` says that others fit too."""

    items: list[Run]
    more: bool


class Curve(TypedDict):
    """What one run logged of a metric."""

    run_id: str
    steps: list[int]
    values: list[float | None]


Curves = list[Curve]


class RunPlots(TypedDict):
    """`problem` says why there are none."""

    plots: Plots
    problem: str | None
