"""W3C Trace Context: what is continued, and what is not."""

import pytest

from backend.monitoring.trace import find_parent, trace_of

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"


def test_a_trace_is_continued_by_a_span_of_our_own() -> None:
    trace = trace_of(PARENT)
    assert (f"{trace.trace_id:032x}", f"{trace.parent:016x}", trace.sampled) == (ID, SPAN, True)
    assert trace.span_id not in {0, trace.parent}
    assert str(trace) == f"00-{ID}-{trace.span_id:016x}-01"


def test_whoever_is_not_sampled_stays_so() -> None:
    assert trace_of(PARENT[:-1] + "0").sampled is False
    assert trace_of(PARENT[:-2] + "ff").sampled is True


@pytest.mark.parametrize("later", [f"cc-{ID}-{SPAN}-01", f"cc-{ID}-{SPAN}-01-what-may-come"])
def test_a_later_version_is_read_as_far_as_it_is_known(later: str) -> None:
    assert find_parent(later) is not None


@pytest.mark.parametrize(
    "bad",
    [
        None, "", "00", PARENT.upper(), f"ff-{ID}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{ID}-{'0' * 16}-01", PARENT + "-more",
        PARENT + "0", f"00-{ID[:-1]}-{SPAN}-01", f"00-{ID}-{SPAN}", f"00_{ID}_{SPAN}_01", f"{PARENT},{PARENT}", "x" * 100_000,
    ],
    ids=lambda bad: str(bad)[:70],
)  # fmt: skip
def test_what_is_malformed_begins_a_trace_anew(bad: str | None) -> None:
    first, second = trace_of(bad), trace_of(bad)
    assert first.parent == 0
    assert first.trace_id not in {0, int(ID, 16), second.trace_id}
