"""One Arrow column becomes matrix columns, under the same rules as values in JSON."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from backend.algorithms.contract import Matrix
from backend.algorithms.signature import LARGEST_INTEGER, Column
from backend.algorithms.values import UNKNOWN_CATEGORY
from backend.errors import FieldProblem, InvalidFields


def encode_column(column: Column, table: pa.Table, out: Matrix) -> None:
    """Fill `out` (rows, features of this column); InvalidFields names the first row that does not fit."""
    if column.name not in table.column_names:
        raise InvalidFields([FieldProblem(column.name, "is missing")])
    values = _plain(table.column(column.name))
    try:
        out[:] = _category(values, column) if column.kind == "category" else _ENCODERS[column.kind](values)
    except _Unfit as error:
        raise InvalidFields([FieldProblem(column.name, error.problem, error.row)]) from None
    if not column.missing:
        _verify_present(column, values)


class _Unfit(Exception):
    """A column, or one row of it, that the model does not take."""

    def __init__(self, problem: str, row: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.row = row


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dictionaries resolved, NaN made null: both mean missing."""
    if pt.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pt.is_floating(values.type):
        values = values.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    return values


def _verify_present(column: Column, values: pa.ChunkedArray) -> None:
    if values.null_count:
        row = int(np.flatnonzero(pc.is_null(values).to_numpy())[0])
        raise InvalidFields([FieldProblem(column.name, "is missing, and training saw no missing value here", row)])


def _number(values: pa.ChunkedArray) -> Matrix:
    if pt.is_integer(values.type):
        return _whole(values)
    if not (pt.is_floating(values.type) or pt.is_null(values.type)):
        raise _Unfit(f"holds {values.type} where the model takes numbers")
    found = _floats(values)
    _verify_rows(~np.isinf(found), "is not a finite number")
    return found[:, np.newaxis]


def _integer(values: pa.ChunkedArray) -> Matrix:
    if pt.is_integer(values.type):
        return _whole(values)
    found = _number(values)
    _verify_rows(np.isnan(found) | (found == np.trunc(found)), "is not a whole number")
    _verify_rows(np.isnan(found) | (np.abs(found) <= LARGEST_INTEGER), _TOO_LARGE)
    return found


def _whole(values: pa.ChunkedArray) -> Matrix:
    found = values.fill_null(0).to_numpy()
    _verify_rows((found >= -LARGEST_INTEGER) & (found <= LARGEST_INTEGER), _TOO_LARGE)
    return _floats(values)[:, np.newaxis]


def _boolean(values: pa.ChunkedArray) -> Matrix:
    if not (pt.is_boolean(values.type) or pt.is_null(values.type)):
        raise _Unfit(f"holds {values.type} where the model takes true and false")
    return _floats(values.cast(pa.uint8()))[:, np.newaxis]


def _category(values: pa.ChunkedArray, column: Column) -> Matrix:
    if not (pt.is_string(values.type) or pt.is_large_string(values.type) or pt.is_null(values.type)):
        raise _Unfit(f"holds {values.type} where the model takes text")
    known = pa.array(column.categories, pa.string())
    found = pc.index_in(values.cast(pa.string()), value_set=known)
    if column.unknown == "refuse":
        _verify_rows(pc.or_(pc.is_valid(found), pc.is_null(values)).to_numpy(), UNKNOWN_CATEGORY)
    return _floats(found)[:, np.newaxis]


def _datetime(values: pa.ChunkedArray) -> Matrix:
    if not (pt.is_temporal(values.type) or pt.is_null(values.type)) or pt.is_time(values.type):
        raise _Unfit(f"holds {values.type} where the model takes dates or times")
    # A moment with a zone is stored as UTC, so that dropping the zone leaves UTC.
    moments = values.cast(pa.timestamp("us"), safe=False)
    parts = [pc.year, pc.month, pc.day, pc.day_of_week, pc.hour]
    seconds = _floats(moments.cast(pa.int64())) / 1e6
    return np.column_stack([*(_floats(part(moments)) for part in parts), seconds])


_TOO_LARGE = "is a whole number beyond 2**53, which cannot be kept exactly"
_ENCODERS: Mapping[str, Callable[[pa.ChunkedArray], Matrix]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "datetime": _datetime,
}


def _floats(values: pa.ChunkedArray) -> Matrix:
    found: Matrix = values.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    found[np.isnan(found)] = np.nan
    return found


def _verify_rows(fits: NDArray[Any], problem: str) -> None:
    bad = np.flatnonzero(~fits)
    if bad.size:
        raise _Unfit(problem, int(bad[0]))
