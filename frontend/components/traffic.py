"""Figures of traffic as a person reads them: tiles, tables, and what models, versions and callers are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from signet_client.traffic_types import TrafficLine, TrafficTotal

CALLERS = {
    "people": "People",
    "nobody": "Nobody who is known",
    "other": "Others",
}
NO_VERSION = "No version"
LATENCY = "Of the requests that succeeded, as the platform measures it: without the way through the network."
_MS = 1000.0


def caller_label(caller: str, name: str | None) -> str:
    """What a caller is called; a service that was removed is known by the beginning of its id."""
    return name or CALLERS.get(caller) or f"Removed service {caller.removeprefix('subscriber:')[:8]}"


def version_label(version: str) -> str:
    """A version; what was refused before one was asked has none."""
    return f"Version {version}" if version else NO_VERSION


def line_label(line: TrafficLine) -> str:
    """What one line of many stands for."""
    if line["caller"] is not None:
        return caller_label(line["caller"], line["caller_name"])
    if line["version"] is not None:
        return f"{line['model']}, {version_label(line['version']).lower()}"
    return line["model"] or "All"


def latency(seconds: float | None) -> str:
    """A latency in the unit that suits it."""
    if seconds is None:
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        # From where three digits round up to it: 0.9996 s are 1 s, not 1,000 ms.
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def share(part: float | None) -> str:
    """A share as a percentage; one that is small is not rounded to none."""
    if part is None:
        return "-"
    return "under 0.01 %" if 0 < part < 1e-4 else f"{part * 100:.3g} %"


def outcome(total: TrafficTotal) -> str:
    """Who is at fault, in numbers."""
    return (
        f"{total['refused']:,} refused (4xx: what was sent, or who sent it) and "
        f"{total['failed']:,} failed (5xx: a fault of the platform)."
    )


def tiles(total: TrafficTotal) -> None:
    """Requests, errors and latencies at a glance."""
    with st.container(horizontal=True, key="traffic_tiles"):
        st.metric("Requests", f"{total['requests']:,}", help=f"With {total['rows']:,} rows.", border=True)
        st.metric("Error rate", share(total["error_rate"]), help=outcome(total), border=True)
        st.metric("Median latency", latency(total["p50"]), help=f"p50. {LATENCY}", border=True)
        st.metric("p95 latency", latency(total["p95"]), help=f"19 of 20 are faster. {LATENCY}", border=True)


def by_version(lines: Sequence[TrafficLine]) -> None:
    """Models and versions, the busiest first."""
    rows = [
        {"Model": line["model"], "Version": line["version"] or NO_VERSION, **_figures(line["total"])} for line in lines
    ]
    _table(rows, "Requests, errors and latencies of each version")


def by_caller(lines: Sequence[TrafficLine]) -> None:
    """Services and people, the busiest first."""
    _table([{"Caller": line_label(line), **_figures(line["total"])} for line in lines], "The same of each caller")


def _figures(total: TrafficTotal) -> dict[str, float | None]:
    return {
        "Requests": total["requests"],
        "Rows": total["rows"],
        "Refused": total["refused"],
        "Failed": total["failed"],
        "Error rate": total["error_rate"],
        **{name: _ms(total[name]) for name in ("p50", "p95", "p99")},
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * _MS


def _table(rows: Sequence[Mapping[str, object]], alt: str) -> None:
    columns = {
        **{
            name: st.column_config.NumberColumn(format="localized")
            for name in ("Requests", "Rows", "Refused", "Failed")
        },
        "Error rate": st.column_config.NumberColumn(format="percent"),
        **{name: st.column_config.NumberColumn(f"{name} (ms)", format="%.3g") for name in ("p50", "p95", "p99")},
    }
    st.dataframe(list(rows), hide_index=True, column_config=columns, placeholder="-", alt=alt)


def told(label: str, total: TrafficTotal) -> str:
    """One line in words, for those who do not see a chart."""
    return (
        f"{label}: {total['requests']:,} requests, error rate {share(total['error_rate'])}, "
        f"median {latency(total['p50'])}, p95 {latency(total['p95'])}"
    )
