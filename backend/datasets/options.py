"""What a person may say about a file when its content alone does not settle how to read it."""

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from backend.errors import Invalid

DELIMITERS = (",", ";", "\t", "|")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
ENCODINGS = (
    "utf-8", "utf-16", "utf-32", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp437", "cp850", "iso8859-1",
    "iso8859-2", "iso8859-15", "koi8-r", "mac-roman", "shift_jis", "euc_jp", "euc_kr", "gb18030", "big5",
)  # fmt: skip


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file; None leaves the choice to the content of the file.

    `header`: whether the first line names the columns. `sheet`: name of a workbook's sheet, or its place counted
    from 1. `decimal`: the decimal mark, and `day_first`: the order of dates such as 01/02/2020; both are used only
    where the column itself does not settle the question. Raises Invalid for a value that is not offered.
    """

    header: bool | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    decimal: str | None = None
    day_first: bool | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None and self.delimiter not in DELIMITERS:
            raise Invalid("The delimiter must be a comma, a semicolon, a tab or a vertical bar.")
        if self.decimal is not None and self.decimal not in {".", ","}:
            raise Invalid("The decimal mark must be '.' or ','.")
        if self.decimal is not None and self.decimal == self.delimiter:
            raise Invalid("The decimal mark and the delimiter cannot be the same character.")
        if self.encoding is not None:
            object.__setattr__(self, "encoding", _known_encoding(self.encoding))

    @classmethod
    def from_text(cls, fields: Mapping[str, str]) -> Self:
        """Options from a form's or a command line's words; empty means not given, unknown words are refused."""
        given = {name: value for name, value in fields.items() if value != ""}
        unknown = sorted(set(given) - set(cls.__dataclass_fields__))
        if unknown:
            raise Invalid(f"Unknown options: {', '.join(unknown)}.")
        return cls(
            header=_truth("header", given.get("header")),
            delimiter={"tab": "\t", "\\t": "\t"}.get(given.get("delimiter", ""), given.get("delimiter")),
            encoding=given.get("encoding"),
            sheet=given.get("sheet"),
            decimal=given.get("decimal"),
            day_first=_truth("day_first", given.get("day_first")),
        )

    def to_json(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in asdict(self).items() if value is not None}


AS_FOUND = ReadOptions()


def _known_encoding(name: str) -> str:
    try:
        canonical = codecs.lookup(name).name
    except (LookupError, ValueError):
        canonical = ""
    if canonical == "utf-8-sig":
        return "utf-8"
    if canonical not in {codecs.lookup(known).name for known in ENCODINGS}:
        raise Invalid(f"The encoding must be one of {', '.join(ENCODINGS)}.")
    return canonical


def _truth(name: str, word: str | None) -> bool | None:
    if word is None:
        return None
    if word.lower() not in {"true", "false"}:
        raise Invalid(f"'{name}' must be true or false.")
    return word.lower() == "true"
