"""Which columns a model learns from: a table comes in; columns with their categories, and what was set aside and why, go out."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from backend.algorithms.signature import LARGEST_INTEGER, Column, Kind
from backend.errors import TrainingImpossible

MOST_CATEGORIES = 1000
_FEW = 20
_IDENTIFIER = re.compile(
    r"(?i:(^|[ _.-])(id|ids|uuid|guid|key|index|idx|row|rowid|nr|no|unnamed)([ _.:-]|$))|[a-z](Id|ID|Uuid|UUID|Key)$",
    re.ASCII,
)


@dataclass(frozen=True)
class Profile:
    """One column of the rows that are learnt from."""

    name: str
    kind: str
    values: pa.ChunkedArray
    rows: int
    missing: int
    distinct: int

    @property
    def known(self) -> int:
        return self.rows - self.missing


Reason = Callable[[Profile], str | None]


def choose_columns(
    table: pa.Table, kinds: Mapping[str, str], target: str, named: Sequence[str] | None
) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns to learn from, and warnings about those set aside.

    Where a person `named` columns, exactly these are taken; TrainingImpossible says which of them cannot be.
    """
    profiles = [profile(name, kinds[name], table[name]) for name in named or kinds if name != target]
    reasons = _IMPOSSIBLE if named else _IMPOSSIBLE + _POINTLESS
    judged = [(p, next(filter(None, (reason(p) for reason in reasons)), None)) for p in profiles]
    aside = tuple(f"Column '{p.name}' was set aside: {reason}." for p, reason in judged if reason)
    if named and aside:
        raise TrainingImpossible(" ".join(text.replace("was set aside", "cannot be used") for text in aside))
    columns = tuple(_column(p) for p, reason in judged if not reason)
    if not columns:
        raise TrainingImpossible(" ".join(("No column is left to learn from.", *aside)))
    return columns, aside


def profile(name: str, kind: str, values: pa.ChunkedArray) -> Profile:
    """What decides over a column; NaN counts as missing."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return Profile(name, kind, values, len(values), values.null_count, pc.count_distinct(values).as_py())


def _column(p: Profile) -> Column:
    texts = p.kind in {"category", "text"}
    categories = sorted(pc.unique(p.values).drop_null().to_pylist()) if texts else []
    return Column(p.name, "category" if texts else cast("Kind", p.kind), tuple(categories), missing=p.missing > 0)


def _empty(p: Profile) -> str | None:
    return "it holds no value at all" if p.known == 0 else None


def _free_text(p: Profile) -> str | None:
    if p.kind != "text" or p.distinct <= _FEW or p.distinct * 2 <= p.known:
        return None
    return f"it looks like free text or an identifier ({p.distinct} different values in {p.known} rows), which a model cannot learn from"


def _many_categories(p: Profile) -> str | None:
    if p.kind not in {"category", "text"} or p.distinct <= MOST_CATEGORIES:
        return None
    return (
        f"it has {p.distinct} different values, more than the {MOST_CATEGORIES} categories that a model can learn from"
    )


def _huge(p: Profile) -> str | None:
    if p.kind != "integer" or p.known == 0:
        return None
    ends = pc.min_max(p.values).as_py()
    if ends["min"] >= -LARGEST_INTEGER and ends["max"] <= LARGEST_INTEGER:
        return None
    return "it holds whole numbers beyond 2**53, which a model cannot keep apart"


def _constant(p: Profile) -> str | None:
    return "it has the same value in every row" if p.distinct == 1 and p.missing == 0 else None


def _identifier(p: Profile) -> str | None:
    if p.known <= _FEW:
        return None
    if p.kind in {"category", "text"} and p.distinct * 2 > p.known:
        return f"it looks like a name or an identifier ({p.distinct} different values in {p.known} rows)"
    if p.kind == "integer" and p.distinct == p.known and (_IDENTIFIER.search(p.name) or _counts_up(p)):
        return "it looks like an identifier or a row number"
    return None


def _counts_up(p: Profile) -> bool:
    """Whether numbers only rise from row to row; years do so too, and mean something."""
    numbers = p.values.drop_null().to_numpy()
    years = numbers[0] >= 1500 and numbers[-1] <= 2200
    return bool(np.all(np.diff(numbers) > 0)) and not years


_IMPOSSIBLE: tuple[Reason, ...] = (_empty, _free_text, _many_categories, _huge)
_POINTLESS: tuple[Reason, ...] = (_constant, _identifier)
