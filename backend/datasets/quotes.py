"""A quick look at a text's double quotes, whole and without parsing, for any that call for a strict reading."""

from pathlib import Path

import numpy as np

from backend.datasets.private_files import CHUNK

_QUOTE = 34
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def has_quotes(path: Path) -> bool:
    """Whether the file holds any double quote."""
    with path.open("rb") as file:
        return any(b'"' in chunk for chunk in iter(lambda: file.read(CHUNK), b""))


def has_doubtful_quotes(path: Path, delimiter: str) -> bool:
    """Whether some double quote neither opens nor closes a value nor stands beside another one, or one is left over.

    Such quotes are either harmless (5" pipe), follow a space after the delimiter, or hide a damaged row.
    """
    beside = np.frombuffer(delimiter.encode() + b'"\r\n', dtype=np.uint8)
    count = 0
    before = b"\n\n"  # what stands before the first byte may as well be a line's end
    with path.open("rb") as file:
        if file.read(3) != _BYTE_ORDER_MARK:
            file.seek(0)
        while True:
            chunk = file.read(CHUNK)
            window = np.frombuffer(before + chunk + (b"" if chunk else b"\n"), dtype=np.uint8)
            places = np.flatnonzero(window[2:-1] == _QUOTE) + 2
            count += len(places)
            inside = ~np.isin(window[places - 1], beside) & ~np.isin(window[places + 1], beside)
            at_space = window[places - 1] == ord(" ")
            after_space = at_space & ((window[places + 1] == _QUOTE) | np.isin(window[places - 2], beside))
            if (inside | after_space).any():
                return True
            if not chunk:
                return count % 2 == 1
            before = window[-3:].tobytes()
