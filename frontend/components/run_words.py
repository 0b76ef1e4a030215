"""Runs in words: what they are called, which of their values differ, and which of them is best."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from frontend.components import lists, times, words
from signet_client.run_types import Run

NONE = "-"
_LESS = ("loss", "error", "err", "mae", "mse", "rmse", "mape", "rmsle", "brier", "deviance", "perplexity")
_MORE = ("acc", "auc", "auroc", "f1", "r2", "precision", "recall", "score", "ndcg", "map")
# Counts of rows are logged as metrics; one is not better than another.
_NEITHER = frozenset({"train_rows", "test_rows"})
_SAME = 1e-9


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """What each run is called, by id: its version and name, the experiment too where there are several."""
    several = len({run["experiment"] for run in runs}) > 1
    named = {run["id"]: label(run) for run in runs}
    told = {run["id"]: f"{run['experiment']} {named[run['id']]}" if several else named[run["id"]] for run in runs}
    return lists.distinct_labels(told)


def label(run: Run) -> str:
    """`v3 xgboost-1a2b3c4d`, or the name that a scientist gave."""
    name = run["name"] or run["id"][:8]
    version = run["version"]
    return f"v{version['version']} {name}" if version else name


def version(run: Run) -> str:
    """`3 (champion)`; empty where the run became no version."""
    found = run["version"]
    if found is None:
        return ""
    return found["version"] + (f" ({', '.join(found['aliases'])})" if found["aliases"] else "")


def data(run: Run) -> str:
    """The tables that it learnt from."""
    return ", ".join(dict.fromkeys(each["name"] for each in run["datasets"]))


def data_exactly(run: Run) -> str:
    """The same with their fingerprints: two tables of one name may differ."""
    return ", ".join(dict.fromkeys(f"{each['name']} [{each['digest'][:8]}]" for each in run["datasets"]))


def took(run: Run) -> str:
    return times.took(run["started_at"], run["finished_at"]) if run["finished_at"] else NONE


def more_is_better(metric: str) -> bool | None:
    """Whether more of a metric is better, by its usual name; None where nobody can tell."""
    if metric in _NEITHER:
        return None
    if metric in words.METRICS:
        return words.METRICS[metric].more_is_better
    parts = re.split(r"[^a-z0-9]+", metric.lower())
    if any(part.endswith(_LESS) for part in parts):
        return False
    return True if any(part.startswith(_MORE) for part in parts) else None


def best(metric: str, values: Mapping[str, float | None]) -> set[str]:
    """The ids whose value is best; none where all are the same, or nobody can tell."""
    found = {key: value for key, value in values.items() if value is not None}
    more = more_is_better(metric)
    if more is None or len(found) < 2 or are_same(found.values()):
        return set()
    top = max(found.values()) if more else min(found.values())
    return {key for key, value in found.items() if are_same((value, top))}


def are_same(values: Iterable[object]) -> bool:
    """Whether there is nothing to tell apart; numbers may be off by how they were rounded."""
    found = list(values)
    first = found[0] if found else None
    if isinstance(first, float) and all(isinstance(each, float) for each in found):
        numbers = [float(each) for each in found if isinstance(each, float)]
        return max(numbers) - min(numbers) <= _SAME * max(map(abs, numbers))
    return all(each == first for each in found)


def names(runs: Iterable[Run], kind: str) -> list[str]:
    """The names of the `params` or `metrics` of these runs, those that most of them have first."""
    counts: dict[str, int] = {}
    for run in runs:
        for name in run[kind]:  # type: ignore[literal-required]
            counts[name] = counts.get(name, 0) + 1
    order = list(words.METRICS)
    rank = {name: place for place, name in enumerate(order)}
    return sorted(counts, key=lambda name: (-counts[name], rank.get(name, len(order)), name))


def headline(runs: Sequence[Run]) -> list[str]:
    """The metrics that say most of these runs: the first of each of their tasks, then the others, then what most of them logged."""
    tasks = [words.HEADLINE[task] for task in words.HEADLINE if task in {run["task"] for run in runs}]
    wanted = [name for rank in zip_longest(*tasks) for name in rank]
    logged = names(runs, "metrics")
    usual = [name for name in logged if more_is_better(name) is not None and not name.startswith("validation_")]
    return list(dict.fromkeys([*(name for name in wanted if name in logged), *usual]))


def differing(runs: Sequence[Run]) -> list[str]:
    """The parameters that have several values among these runs; a run that does not have one tells nothing."""
    return [
        name
        for name in names(runs, "params")
        if len({run["params"][name] for run in runs if name in run["params"]}) > 1
    ]


def as_number(text: str | None) -> float | None:
    """A parameter's value as a number, where it is one."""
    try:
        found = float(text) if text is not None else None
    except ValueError:
        return None
    return found if found is not None and abs(found) < float("inf") else None
