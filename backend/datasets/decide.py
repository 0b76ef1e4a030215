"""From the evidence on all columns of a text to how each is converted, and what people should know about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.datasets.dates import DATE_FORMS
from backend.datasets.forms import Form
from backend.datasets.kinds import Kind
from backend.datasets.options import ReadOptions
from backend.datasets.tally import Tally


@dataclass(frozen=True)
class Conversion:
    """How a column's texts become values.

    `decimal` and `grouping` are the marks in numbers, `date` the form of its dates; `forms` are those that it reads.
    """

    kind: Kind
    forms: frozenset[Form]
    decimal: str = "."
    grouping: str = ""
    date: Form | None = None


_SIDE = frozenset({Form.DASH, Form.INFINITE})
_POINT = frozenset({Form.INTEGER, Form.DECIMAL, Form.POINT_GROUP})
_COMMA = frozenset({Form.INTEGER, Form.DECIMAL_COMMA, Form.COMMA_GROUP})
_COMMA_GROUPS = _POINT | {Form.COMMA_GROUP, Form.GROUPED_BY_COMMA}
_POINT_GROUPS = _COMMA | {Form.POINT_GROUP, Form.GROUPED_BY_POINT}
NUMBER_FORMS = _COMMA_GROUPS | _POINT_GROUPS

INTEGER = Conversion("integer", frozenset({Form.INTEGER}))
NUMBER = Conversion("number", _POINT)
COMMA_NUMBER = Conversion("number", _COMMA, decimal=",")
COMMA_GROUPED = Conversion("number", _COMMA_GROUPS, grouping=",")
POINT_GROUPED = Conversion("number", _POINT_GROUPS, decimal=",", grouping=".")
BOOLEAN = Conversion("boolean", frozenset({Form.BOOLEAN}))
TEXT = Conversion("text", frozenset(Form))

# All forms of the column must be within the first set, and one of them in the second.
_CERTAIN: tuple[tuple[frozenset[Form], frozenset[Form], Conversion], ...] = (
    (INTEGER.forms, INTEGER.forms, INTEGER),
    (_POINT, frozenset({Form.DECIMAL}), NUMBER),
    (_COMMA, frozenset({Form.DECIMAL_COMMA}), COMMA_NUMBER),
    (_COMMA_GROUPS, frozenset({Form.GROUPED_BY_COMMA, Form.DECIMAL}), COMMA_GROUPED),
    (_POINT_GROUPS, frozenset({Form.GROUPED_BY_POINT, Form.DECIMAL_COMMA}), POINT_GROUPED),
)


def decide(tallies: Mapping[str, Tally], options: ReadOptions) -> list[Conversion]:
    """The conversion of each column, in order; the rest of the file and the options settle what a column leaves open."""
    decimal = _decimal_elsewhere(list(tallies.values()))
    return [_conversion(tally, decimal, options) for tally in tallies.values()]


def _conversion(tally: Tally, decimal: str | None, options: ReadOptions) -> Conversion:
    forms = _seen(tally) - {Form.DASH}
    if forms == {Form.BOOLEAN}:
        return BOOLEAN
    if forms and forms <= DATE_FORMS:
        return _date(forms, day_first=options.day_first) or TEXT
    finite = forms - {Form.INFINITE}
    if not finite or not finite <= NUMBER_FORMS:
        return TEXT
    number = _number(finite, decimal, options.decimal) or TEXT
    return NUMBER if number is INTEGER and finite != forms else number


def _number(forms: frozenset[Form], elsewhere: str | None, said: str | None) -> Conversion | None:
    """How numbers in these forms are written; None where 1,234 or 1.234 can be meant either way."""
    for within, proof, conversion in _CERTAIN:
        if forms <= within and forms & proof:
            return conversion
    if forms <= _POINT:  # such as 1.234 and nothing that is surely a decimal
        return POINT_GROUPED if said == "," else None if not said and elsewhere == "," else NUMBER
    if forms <= _COMMA:
        return {",": COMMA_NUMBER, ".": COMMA_GROUPED}.get(said or elsewhere or "")
    return None


def _decimal_elsewhere(tallies: Sequence[Tally]) -> str | None:
    """The one decimal mark that numbers in the file settle; None where there is none or there are both."""
    marks = set()
    for tally in tallies:
        forms = _seen(tally) - _SIDE
        if forms <= NUMBER_FORMS:
            marks |= {"."} if forms & {Form.DECIMAL, Form.GROUPED_BY_COMMA} else set()
            marks |= {","} if forms & {Form.DECIMAL_COMMA, Form.GROUPED_BY_POINT} else set()
    return marks.pop() if len(marks) == 1 else None


def _date(forms: frozenset[Form], *, day_first: bool | None) -> Conversion | None:
    """The one form of the dates; None where it is mixed, or where day and month can be either."""
    if forms == {Form.DAY_OR_MONTH}:
        return None if day_first is None else _slashed(Form.DAY_FIRST if day_first else Form.MONTH_FIRST)
    certain = forms - {Form.DAY_OR_MONTH}
    if len(certain) > 1:
        return None
    date = next(iter(certain))
    if date in {Form.DAY_FIRST, Form.MONTH_FIRST}:
        return _slashed(date)
    return None if certain != forms else Conversion("datetime", frozenset({date}), date=date)


def _slashed(date: Form) -> Conversion:
    return Conversion("datetime", frozenset({date, Form.DAY_OR_MONTH}), date=date)


def _seen(tally: Tally) -> frozenset[Form]:
    return frozenset(form for form, count in tally.forms.items() if count > 0)
