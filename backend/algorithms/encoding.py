"""Values become the matrix that an algorithm sees: JSON rows or an Arrow table come in, float64 (rows, features) goes out."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from backend.algorithms.arrow import encode_column
from backend.algorithms.contract import Matrix
from backend.algorithms.number_table import NumberTable, find_numbers
from backend.algorithms.signature import LARGEST_INTEGER, Column, expand
from backend.algorithms.values import Unfit, value_encoder
from backend.errors import FieldProblem, InvalidFields

Row = Sequence[Any] | Mapping[str, Any]

LISTED = 20
FEW = 16  # rows; below, what numpy takes to begin is more than Python takes for all
_NUMBERS = frozenset({int, float})
_NO_ROW = "holds a row that is neither a list nor an object"


class RowEncoder:
    """Encodes JSON rows of one signature; made once, it is cheap to call and safe to share between threads."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = [column.name for column in columns]
        self._known = frozenset(self._names)
        self._encoders = [value_encoder(column) for column in columns]
        self._width = len(expand(columns))
        self._table = NumberTable(columns)
        self._takes_any_number = all(column.kind == "number" for column in columns)

    def encode(self, rows: Sequence[Row]) -> Matrix:
        """The matrix of these rows, each a list in order or an object by name.

        Values are JSON's own: str, int, float, bool, None. Raises InvalidFields with every offending field (the first 20).
        """
        if len(rows) >= FEW and (found := self._at_once(rows)) is not None:
            return found
        try:
            flat: list[float] = []
            for row in rows:
                for encode, value in zip(self._encoders, self._values(row), strict=True):
                    flat += encode(value)
        except (Unfit, ValueError, KeyError, TypeError):
            self._verify(rows)
            raise
        return np.array(flat, dtype=np.float64).reshape(len(rows), self._width)

    def find_numbers(self, row: Row) -> Sequence[float] | None:
        """The cells of a row of nothing but finite numbers, where every column takes any; None leaves it to `encode`."""
        if not self._takes_any_number:
            return None
        if type(row) is dict and row.keys() == self._known:
            row = [row[name] for name in self._names]
        if type(row) is not list or len(row) != self._width:
            return None
        kinds = set(map(type, row))
        if not kinds <= _NUMBERS:
            return None
        if int in kinds and not (max(row) <= LARGEST_INTEGER and min(row) >= -LARGEST_INTEGER):
            return None
        total = sum(row)  # neither infinity nor NaN gets lost in it
        return row if total - total == 0.0 else None

    def _at_once(self, rows: Sequence[Row]) -> Matrix | None:
        """The matrix where all are numbers that fit; None leaves it to the slower way, which knows reasons."""
        found = find_numbers(self._flat(rows)) if self._table.takes else None
        if found is None or found.size != len(rows) * self._width:
            return None
        matrix = found.reshape(len(rows), self._width)
        return matrix if self._table.fits(matrix) else None

    def _flat(self, rows: Sequence[Row]) -> list[Any]:
        """All values one after the other where every row is of the one kind and the right length; nothing otherwise."""
        kinds = set(map(type, rows))
        if kinds <= {list, tuple}:
            return list(chain.from_iterable(rows)) if set(map(len, rows)) == {self._width} else []
        if kinds == {dict}:
            names, known = self._names, self._known
            return [row[name] for row in rows if row.keys() == known for name in names]  # type: ignore[call-overload, union-attr]
        return []

    def _values(self, row: Row) -> Sequence[Any]:
        if isinstance(row, Mapping):
            values = [row[name] for name in self._names]
            if len(values) == len(row):
                return values
        elif isinstance(row, list | tuple):
            return row
        raise Unfit(_NO_ROW)

    def _verify(self, rows: Sequence[Row]) -> None:
        """Raise InvalidFields that lists what is wrong, in the order of the rows."""
        problems: list[FieldProblem] = []
        for number, row in enumerate(rows):
            position = number if len(rows) > 1 else None
            problems += [FieldProblem(field, text, position) for field, text in self._problems(row)]
            if len(problems) >= LISTED:
                break
        if problems:
            raise InvalidFields(problems[:LISTED])

    def _problems(self, row: Row) -> list[tuple[str, str]]:
        if isinstance(row, Mapping):
            missing = [(name, "is missing") for name in self._names if name not in row]
            unknown = [(_shown(name), "is not a field of this model") for name in row if name not in self._known]
            return missing + unknown + self._unfit([(name, row[name]) for name in self._names if name in row])
        if not isinstance(row, list | tuple):
            return [("features", _NO_ROW)]
        if len(row) != len(self._names):
            names = _shown(", ".join(self._names), 300)
            return [("features", f"has {len(row)} values where the model takes {len(self._names)}: {names}")]
        return self._unfit(list(zip(self._names, row, strict=True)))

    def _unfit(self, named: list[tuple[str, Any]]) -> list[tuple[str, str]]:
        encoders = dict(zip(self._names, self._encoders, strict=True))
        found: list[tuple[str, str]] = []
        for name, value in named:
            try:
                encoders[name](value)
            except Unfit as error:
                found.append((name, str(error)))
        return found


def encode_rows(columns: Sequence[Column], rows: Sequence[Row]) -> Matrix:
    """RowEncoder for one use."""
    return RowEncoder(columns).encode(rows)


def encode_table(columns: Sequence[Column], table: pa.Table) -> Matrix:
    """The matrix of an Arrow table, bit-equal to that of the same rows as JSON; further columns of the table are ignored.

    Raises InvalidFields with every column that is absent, of another type or holds a value that the model does not take.
    """
    matrix = np.empty((table.num_rows, len(expand(columns))), dtype=np.float64)
    problems: list[FieldProblem] = []
    position = 0
    for column in columns:
        width = len(expand([column]))
        try:
            encode_column(column, table, matrix[:, position : position + width])
        except InvalidFields as error:
            problems += error.problems
        position += width
    if problems:
        raise InvalidFields(problems[:LISTED])
    return matrix


def _shown(text: str, length: int = 80) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
