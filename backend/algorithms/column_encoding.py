"""Whole columns become the matrix that an algorithm sees, bit-equal to the same values given row by row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.algorithms.contract import Matrix
from backend.algorithms.encoding import FEW, LISTED, RowEncoder
from backend.algorithms.number_table import NumberTable, are_whole, find_numbers
from backend.algorithms.signature import LARGEST_INTEGER, Column, expand
from backend.algorithms.values import Unfit, value_encoder
from backend.errors import FieldProblem, InvalidFields

# Values as JSON has them, or an array of numbers or of truth values.
Values = Sequence[Any] | NDArray[Any]


class ColumnEncoder:
    """Encodes columns of one signature; made once, it is cheap to call and safe to share between threads."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)
        self._names = frozenset(column.name for column in columns)
        self._encoders = [value_encoder(column) for column in columns]
        self._widths = [len(expand([column])) for column in columns]
        self._by_row = RowEncoder(columns)
        self._table = NumberTable(columns)

    def encode(self, given: Mapping[str, Values]) -> Matrix:
        """The matrix of these columns, all of one length; InvalidFields with every offending field (the first 20)."""
        self._verify_names(given)
        rows = len(given[self._columns[0].name])
        if rows < FEW:
            return self._by_row.encode(list(zip(*(_plain(given[c.name]) for c in self._columns), strict=True)))
        matrix = np.empty((rows, sum(self._widths)), dtype=np.float64)
        problems: list[FieldProblem] = []
        place = 0
        for column, encode, width in zip(self._columns, self._encoders, self._widths, strict=True):
            out = matrix[:, place : place + width]
            values = given[column.name]
            place += width
            if not _fill_at_once(column, values, out):
                problems += _fill_one_by_one(column, _plain(values), encode, out)
        if problems:
            raise InvalidFields(sorted(problems, key=lambda problem: problem.row or 0)[:LISTED])
        return matrix

    def encode_table(self, values: NDArray[Any]) -> Matrix:
        """The matrix of numbers (rows, columns) in the order of the columns; the same as of their rows."""
        if self._table.takes and values.shape[1] == len(self._columns) and values.dtype.kind == "f":
            found = values.astype(np.float64, order="C")
            if self._table.fits(found):
                return found
        return self.encode({column.name: values[:, place] for place, column in enumerate(self._columns)})

    def _verify_names(self, given: Mapping[str, Values]) -> None:
        missing = [FieldProblem(column.name, "is missing") for column in self._columns if column.name not in given]
        unknown = [FieldProblem(name[:80], "is not a field of this model") for name in given if name not in self._names]
        if missing or unknown:
            raise InvalidFields((missing + unknown)[:LISTED])


def _plain(values: Values) -> Sequence[Any]:
    plain: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return plain


def _fill_at_once(column: Column, values: Values, out: Matrix) -> bool:
    """Fill the cells of a column at once where every value fits; False leaves it to the slower way, which knows reasons."""
    if isinstance(values, np.ndarray):
        return _fill(column, values, out)
    found = find_numbers(values) if column.kind in {"number", "integer"} else None
    return found is not None and _fill_floats(column, found, out)


def _fill(column: Column, values: NDArray[Any], out: Matrix) -> bool:
    if values.dtype.kind == "b":
        if column.kind != "boolean":
            return False
        out[:, 0] = values
        return True
    if column.kind not in {"number", "integer"}:
        return False
    return _fill_whole(values, out) if values.dtype.kind in "iu" else _fill_floats(column, values, out)


def _fill_whole(values: NDArray[Any], out: Matrix) -> bool:
    if values.size and not (int(values.min()) >= -LARGEST_INTEGER and int(values.max()) <= LARGEST_INTEGER):
        return False
    out[:, 0] = values
    return True


def _fill_floats(column: Column, values: NDArray[Any], out: Matrix) -> bool:
    found = values.astype(np.float64)
    missing = np.isnan(found)
    if np.isinf(found).any() or (missing.any() and not column.missing):
        return False
    if column.kind == "integer":
        if not are_whole(found):
            return False
        found += 0.0  # a whole number has no negative zero
    found[missing] = np.nan
    out[:, 0] = found
    return True


def _fill_one_by_one(
    column: Column, values: Sequence[Any], encode: Callable[[Any], tuple[float, ...]], out: Matrix
) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    flat: list[float] = []
    for row, value in enumerate(values):
        try:
            flat += encode(value)
        except Unfit as error:
            problems.append(FieldProblem(column.name, str(error), row if len(values) > 1 else None))
            if len(problems) >= LISTED:
                break
    if not problems:
        out[:] = np.array(flat, dtype=np.float64).reshape(out.shape)
    return problems
