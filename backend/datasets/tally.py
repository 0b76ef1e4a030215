"""What a whole column of texts looked like: how often each form came up, and the first text of each."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from backend.datasets.dates import DATE_FORMS, first_impossible_date
from backend.datasets.forms import Form, is_missing, sort_by_form
from backend.datasets.kinds import MOST_CATEGORIES

# With so many words among its values a column is text, whatever the rest of it looks like.
ENOUGH_WORDS = 1_000
ENOUGH_SHARE = 0.1


@dataclass(frozen=True)
class Example:
    """A text and the row it first stood in, counted from 1 without the header."""

    text: str
    row: int


@dataclass
class Tally:
    """The evidence on one column, gathered block by block; `words` are its different texts while they are few."""

    rows: int = 0
    present: int = 0
    forms: Counter[Form] = field(default_factory=Counter)
    first: dict[Form, Example] = field(default_factory=dict)
    words: pa.Array | None = field(default_factory=lambda: pa.array([], pa.string()))

    def add(self, values: pa.Array) -> None:
        """Take the next block of trimmed texts into account."""
        missing = is_missing(values)
        present = values.filter(pc.invert(missing)) if missing.true_count else values
        self._add_words(present)
        if not self._is_settled():
            for form, texts in sort_by_form(present):
                self._count(form, texts, values)
                if form in DATE_FORMS and form is not Form.DAY_OR_MONTH:
                    self._count_impossible(form, texts, values)
        self.rows += len(values)
        self.present += len(present)

    def _is_settled(self) -> bool:
        words = self.forms[Form.TEXT]
        return words >= ENOUGH_WORDS and words > ENOUGH_SHARE * self.forms.total()

    def _count(self, form: Form, texts: pa.Array, block: pa.Array) -> None:
        self.forms[form] += len(texts)
        self._remember(form, texts[0].as_py(), block)

    def _count_impossible(self, form: Form, texts: pa.Array, block: pa.Array) -> None:
        impossible = first_impossible_date(texts, form)
        if impossible is not None:
            self.forms[form] -= 1
            self.forms[Form.TEXT] += 1
            self._remember(Form.TEXT, impossible, block)

    def _remember(self, form: Form, text: str, block: pa.Array) -> None:
        if form not in self.first:
            self.first[form] = Example(text, self.rows + pc.index(block, text).as_py() + 1)

    def _add_words(self, present: pa.Array) -> None:
        if self.words is None:
            return
        words = pa.concat_arrays([self.words, present.unique()]).unique()
        self.words = words if len(words) <= MOST_CATEGORIES else None
