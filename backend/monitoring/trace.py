"""W3C Trace Context: the header `traceparent` comes in; the place of this request in its trace goes out."""

import random
import re
from typing import NamedTuple

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


class Trace(NamedTuple):
    """A span and the trace that it belongs to; `parent` is 0 where the trace begins here."""

    trace_id: int
    span_id: int
    parent: int
    sampled: bool

    def __str__(self) -> str:
        """As a `traceparent` for whoever goes on from here."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"


def trace_of(given: str | None) -> Trace:
    """The span that begins now: under the parent that `given` names, or in a trace of its own where that is absent or no good.

    https://www.w3.org/TR/trace-context/#traceparent-header
    """
    parent = find_parent(given) if given else None
    if parent is None:
        return Trace(_number(128), _number(64), 0, sampled=True)
    return Trace(parent.trace_id, _number(64), parent.span_id, parent.sampled)


def find_parent(given: str) -> Trace | None:
    """What a `traceparent` says; None where it is malformed, whose trace is then not continued."""
    found = _PARENT.fullmatch(given.strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    # A later version may say more behind; this one may not, and ff is none.
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(int(trace_id, 16), int(span_id, 16), 0, bool(int(flags, 16) & _SAMPLED))


def _number(bits: int) -> int:
    """Names of traces need to differ, not to be secret; 0 is no name."""
    return random.getrandbits(bits) or 1
