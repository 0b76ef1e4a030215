"""Text in any of the usual encodings comes in; the same text in UTF-8 goes out, line for line."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from backend.datasets.private_files import CHUNK, private_file
from backend.errors import DatasetUnreadable

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
GUESSES = ("cp1252", "iso8859-1")
NOT_TEXT = (
    "The file is not text: {where} holds a zero byte. Accepted are CSV, Parquet and Excel files; "
    "text saved as UTF-16 must begin with a byte order mark, or be saved as UTF-8."
)


def as_utf8(path: Path, wanted: str | None, notes: list[str]) -> Path:
    """A file with the same text in UTF-8: the file itself, or a new one beside it.

    The encoding is the one that is `wanted`, or told from the byte order mark, or UTF-8 where all bytes are that, or
    Windows-1252 with a note. DatasetUnreadable names the line of a byte that does not fit.
    """
    encoding = wanted or _marked_encoding(path) or "utf-8"
    if encoding != "utf-8":
        return _transcoded(path, encoding)
    try:
        _verify_utf8(path)
    except _NotUtf8 as error:
        if wanted or error.after_other_letters:
            raise DatasetUnreadable(
                f"The text is not valid UTF-8: line {error.line} holds a byte that is no letter. "
                "Save the file again as UTF-8, or say which encoding it has."
            ) from error
        return _guessed(path, notes)
    return path


class _NotUtf8(Exception):
    def __init__(self, line: int, *, after_other_letters: bool) -> None:
        super().__init__(line)
        self.line = line
        self.after_other_letters = after_other_letters


def _marked_encoding(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _verify_utf8(path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, letters = 1, False
    for chunk in _chunks(path):
        if b"\0" in chunk:
            raise DatasetUnreadable(NOT_TEXT.format(where=f"line {lines + chunk[: chunk.index(0)].count(10)}"))
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            seen = error.object[: error.start]
            raise _NotUtf8(lines + seen.count(10), after_other_letters=letters or not seen.isascii()) from error
        letters = letters or not (chunk.isascii() or text.removeprefix("\ufeff").isascii())
        lines += text.count("\n")
    if decoder.getstate()[0]:
        raise _NotUtf8(lines, after_other_letters=letters)


def _guessed(path: Path, notes: list[str]) -> Path:
    """The text by the most usual encoding of one byte a letter in which every byte is a letter."""
    for encoding in GUESSES:
        try:
            target = _transcoded(path, encoding)
        except DatasetUnreadable:
            continue
        notes.append(
            f"The text is not UTF-8 and was read as {'Windows-1252' if encoding == 'cp1252' else 'Latin-1'}. "
            "If accents or other letters look wrong, save the file as UTF-8 or say which encoding it has."
        )
        return target
    raise AssertionError("Latin-1 reads every byte")


def _transcoded(path: Path, encoding: str) -> Path:
    target = path.with_name(f"text-{encoding}")
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with private_file(target) as out:
        for chunk in _chunks_and_end(path):
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                raise DatasetUnreadable(
                    f"The text is not valid {encoding}: after line {lines} there are bytes that are no letters. "
                    "Save the file again as UTF-8, or say which encoding it has."
                ) from error
            if "\0" in text:
                raise DatasetUnreadable(
                    NOT_TEXT.format(where=f"line {lines + text[: text.index(chr(0))].count(chr(10))}")
                )
            lines += text.count("\n")
            out.write(text.encode("utf-8"))
    return target


def _chunks_and_end(path: Path) -> Iterator[bytes]:
    yield from _chunks(path)
    yield b""
