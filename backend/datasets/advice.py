"""What a person should know about how columns were read: which stayed text and why, and what was taken as missing."""

from collections.abc import Iterator, Mapping

from backend.datasets.dates import DATE_FORMS
from backend.datasets.decide import NUMBER_FORMS, TEXT, Conversion
from backend.datasets.forms import Form
from backend.datasets.tally import Example, Tally

NEARLY = 0.9
_FAMILIES: tuple[tuple[str, frozenset[Form]], ...] = (
    ("numbers", NUMBER_FORMS | {Form.INFINITE}),
    ("dates", DATE_FORMS),
    ("true or false", frozenset({Form.BOOLEAN})),
)
_DECIMALS_OR_GROUPS = {Form.COMMA_GROUP, Form.POINT_GROUP}


def advice_on(tallies: Mapping[str, Tally], conversions: list[Conversion]) -> Iterator[str]:
    """One sentence or two for each column that was not read as its first values suggest."""
    for (name, tally), conversion in zip(tallies.items(), conversions, strict=True):
        if conversion is TEXT:
            yield from _kept_as_text(name, tally)
        else:
            yield from _read_with_care(name, tally, conversion)


def _kept_as_text(name: str, tally: Tally) -> Iterator[str]:
    forms = {form for form, count in tally.forms.items() if count > 0} - {Form.DASH}
    if not tally.present:
        yield f"Column '{name}' holds no values."
    elif Form.IDENTIFIER in forms and forms <= NUMBER_FORMS | {Form.IDENTIFIER}:
        yield (
            f"Column '{name}' is kept as text, because a number would lose digits of values such as "
            f"{_shown(tally.first[Form.IDENTIFIER])}."
        )
    elif forms and forms <= DATE_FORMS:
        yield f"Column '{name}' is kept as text: {_why_no_date(forms, tally)}"
    elif forms and forms <= NUMBER_FORMS:
        example = tally.first[min(forms & _DECIMALS_OR_GROUPS)]
        yield (
            f"Column '{name}' is kept as text: values such as {_shown(example)} can mean thousands or decimals. "
            "Say which decimal mark the file uses (option decimal), or write the numbers without separators."
        )
    else:
        yield from _nearly(name, tally)


def _why_no_date(forms: set[Form], tally: Tally) -> str:
    if forms == {Form.DAY_OR_MONTH}:
        return (
            f"dates such as {_shown(tally.first[Form.DAY_OR_MONTH])} can begin with the day or with the month. "
            "Say which (option day_first), or write dates as 2024-05-31."
        )
    shown = " and ".join(_shown(tally.first[form]) for form in sorted(forms)[:2])
    return f"its dates are written in more than one way, such as {shown}. Write all dates as 2024-05-31."


def _nearly(name: str, tally: Tally) -> Iterator[str]:
    """A column that would be of a better kind but for a few values."""
    for what, family in _FAMILIES:
        fitting = sum(tally.forms[form] for form in family)
        others = [form for form, count in tally.forms.items() if count > 0 and form not in family | {Form.DASH}]
        if others and Form.IDENTIFIER not in others and fitting >= NEARLY * tally.present:
            count = sum(tally.forms[form] for form in others)
            example = min((tally.first[form] for form in others), key=lambda e: e.row)
            verb = "is" if count == 1 else "are"
            yield (
                f"Column '{name}' is kept as text: nearly all of its values are {what}, but {count:,} of "
                f"{tally.present:,} {verb} not, such as {_shown(example)}. Correct or empty them, and send the file again."
            )
            return


def _read_with_care(name: str, tally: Tally, conversion: Conversion) -> Iterator[str]:
    if conversion.grouping:
        example = next(iter(tally.first[form] for form in tally.first if "group" in form))
        yield f"Column '{name}' was read as numbers with '{conversion.grouping}' between thousands, such as {_shown(example)}."
    elif conversion.decimal == ",":
        yield f"Column '{name}' was read as numbers with a decimal comma."
    if dashes := tally.forms[Form.DASH]:
        yield f"Column '{name}': {dashes:,} values such as {_shown(tally.first[Form.DASH])} were read as missing."


def _shown(example: Example) -> str:
    """A value in quotes, cut where it is long, and where it stands."""
    text = "".join(letter if letter.isprintable() else " " for letter in example.text)
    return f"'{text if len(text) <= 40 else text[:37] + '...'}' (row {example.row:,})"
