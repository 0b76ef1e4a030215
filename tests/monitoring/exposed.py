"""What a collector reads of `/metrics`."""

import re

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def families(text: str) -> dict[str, Metric]:
    """Each metric by its name."""
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text: str, name: str, /, **labels: str) -> float | None:
    """The sample of this name whose labels include these; the sum where there are several, None where there is none."""
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def problems(text: str, *, open_metrics: bool = False) -> list[str]:
    """What Prometheus' own linter would say: units, suffixes, types in names, helps, labels."""
    parse = parse_open if open_metrics else text_string_to_metric_families
    return [problem for family in parse(text) for problem in _problems(family)]


# https://prometheus.io/docs/practices/naming/
_OTHER_UNITS = re.compile(
    r"_(ms|milliseconds|us|microseconds|minutes|hours|days|kb|mb|kilobytes|megabytes|percent)(_|$)"
)
_TYPES = re.compile(r"_(counter|gauge|histogram|summary)(_|$)")


def _problems(family: Metric) -> list[str]:
    checks = {
        "no help": not family.documentation.strip(),
        "no type": family.type in {"untyped", "unknown"},
        "not snake case": re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", family.name) is None,
        "not a base unit": _OTHER_UNITS.search(family.name) is not None,
        "a type in the name": _TYPES.search(family.name) is not None,
        "_total of no counter": family.type != "counter" and family.name.endswith("_total"),
        "counter without _total": family.type == "counter"
        and any(not sample.name.endswith(("_total", "_created")) for sample in family.samples),
        "a suffix that is reserved": family.name.endswith(("_count", "_sum", "_bucket")),
        "not of this platform": not family.name.startswith(("signet_", "process_")),
        "a label that is reserved": any(
            label in {"job", "instance", "quantile"} or label.startswith("__")
            for sample in family.samples
            for label in sample.labels
        ),
    }
    return [f"{family.name}: {problem}" for problem, holds in checks.items() if holds]
