"""The names of columns: cleaned, completed, refused where doubtful; and a first row that holds values, not names."""

from collections import Counter
from collections.abc import Mapping, Sequence

from backend.datasets.decide import TEXT, Conversion
from backend.datasets.forms import Form, forms_of
from backend.datasets.kinds import kind_of_text
from backend.datasets.limits import MAX_NAME, verify_columns
from backend.datasets.tally import Tally
from backend.errors import DatasetUnreadable

WIDE = 3  # from this width on, a header that names fewer than half of the columns is a title


def clean_names(raw: Sequence[str], notes: list[str]) -> list[str]:
    """The names without spaces around them, the empty ones filled in; DatasetUnreadable for doubled or huge ones."""
    verify_columns(len(raw))
    names = [name.strip() if name.isprintable() else _printable(name, notes) for name in raw]
    _verify_lengths(names)
    _verify_named(names)
    repeated = [f"'{name}' ({count} times)" for name, count in Counter(names).items() if count > 1 and name]
    if repeated:
        more = f" and {len(repeated) - 10} more" if len(repeated) > 10 else ""
        raise DatasetUnreadable(
            f"Columns have the same name: {', '.join(repeated[:10])}{more}. Give each column a name of its own. "
            "If the first row holds values and not names, say so (option header=false)."
        )
    return _filled(names, notes)


def numbered_names(count: int) -> list[str]:
    """Names for the columns of a table that has none."""
    verify_columns(count)
    return [f"column_{place}" for place in range(1, count + 1)]


def verify_header(cells: Sequence[str], tallies: Mapping[str, Tally], conversions: Sequence[Conversion]) -> None:
    """DatasetUnreadable where the first row looks like one of the rows below it: then a name may be a lost value."""
    forms = forms_of(cell.strip() for cell in cells)
    verdicts = [
        _looks_like_value(cell.strip(), forms.get(cell.strip()), tally, conversion)
        for cell, tally, conversion in zip(cells, tallies.values(), conversions, strict=True)
    ]
    if True in verdicts and False not in verdicts:
        raise DatasetUnreadable(
            "The file seems to have no header: its first row holds values like the rows below it. Add a first line "
            "with the names of the columns, or say that there is none (option header=false; columns are then named "
            "column_1, column_2, ...). If the first line does hold the names, say so (option header=true)."
        )


def _looks_like_value(cell: str, form: Form | None, tally: Tally, conversion: Conversion) -> bool | None:
    """Whether a header's cell could be a value of its column; None where this column cannot tell."""
    if not tally.present or form is None:
        return None
    if conversion is not TEXT:
        return form in conversion.forms
    if tally.forms[Form.IDENTIFIER] and not tally.forms[Form.TEXT]:
        return form in {Form.IDENTIFIER, Form.INTEGER}
    if tally.words is None or kind_of_text(tally.present, len(tally.words)) == "text":
        return None
    if cell in set(tally.words.to_pylist()):
        return True
    return None if tally.present < 2 * len(tally.words) else False


def _printable(name: str, notes: list[str]) -> str:
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if clean != name.strip():
        notes.append(
            f"The name of column '{clean[:MAX_NAME]}' held line breaks or control characters; they are now spaces."
        )
    return clean


def _verify_lengths(names: Sequence[str]) -> None:
    for place, name in enumerate(names, start=1):
        if len(name) > MAX_NAME:
            raise DatasetUnreadable(
                f"The name of column {place} is longer than {MAX_NAME} characters. Shorten it; if the first row "
                "holds values and not names, say so (option header=false)."
            )


def _verify_named(names: Sequence[str]) -> None:
    named = sum(1 for name in names if name)
    if len(names) >= WIDE and named < len(names) / 2:
        raise DatasetUnreadable(
            f"The first row names only {named} of {len(names)} columns; it looks like a title. Delete the lines "
            "above the header, so that the first row names every column."
        )


def _filled(names: list[str], notes: list[str]) -> list[str]:
    taken = set(names)
    filled = []
    for place, name in enumerate(names, start=1):
        new = name or f"column_{place}"
        while not name and new in taken:
            new += "_"
        if not name:
            notes.append(f"Column {place} has no name in the header and is now '{new}'.")
            taken.add(new)
        filled.append(new)
    return filled
