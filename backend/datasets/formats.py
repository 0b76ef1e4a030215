"""What a file is, told from its bytes; its name only ever adds a reason to refuse it."""

import re
import zipfile
from enum import StrEnum
from pathlib import Path, PurePath

from backend.errors import DatasetUnreadable

ACCEPTED = "Accepted are CSV (comma, semicolon, tab or vertical bar), Parquet and Excel (xlsx, xlsm, xlsb, xls, ods)."
HEAD = 4096


class Format(StrEnum):
    """The formats that can be read."""

    CSV = "csv"
    PARQUET = "parquet"
    XLSX = "xlsx"
    XLSB = "xlsb"
    XLS = "xls"
    ODS = "ods"


PICKLE_NAMES = frozenset(
    ".pkl .pickle .pck .p .joblib .dill .cloudpickle .pt .pth .ckpt .npy .npz .sav".split()  # noqa: SIM905
)
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x93NUMPY", "a NumPy array, which may hold pickle"),
    (b"\x1f\x8b", "compressed (gzip): unpack it first"),
    (b"BZh", "compressed (bzip2): unpack it first"),
    (b"\xfd7zXZ\x00", "compressed (xz): unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd): unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z): unpack it first"),
    (b"Rar!\x1a\x07", "an archive (rar): unpack it first"),
    (b"\x78\x01", "compressed (zlib): unpack it first"),
    (b"\x78\x9c", "compressed (zlib): unpack it first"),
    (b"\x78\xda", "compressed (zlib): unpack it first"),
    (b"ARROW1\x00\x00", "an Arrow (Feather) file: save it as Parquet"),
    (b"ORC", "an ORC file: save it as Parquet"),
    (b"SQLite format 3\x00", "an SQLite database: export the table as CSV"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: save the table as Parquet"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"{\\rtf", "a text document (rtf)"),
    (b"$FL2@(#)", "an SPSS file: save the table as CSV"),
    (b"\x7fELF", "a program"),
)
PICKLE = "a Python pickle, which can run code when it is read"
# Protocols 2 to 5 start with a mark; 0 and 1 are text that starts with one of few words and ends with a point.
BINARY_PICKLE = re.compile(rb"\x80[\x02-\x05]")
TEXT_PICKLE = re.compile(
    rb"\((?:[dlt]p\d+\n|i\w+\n|[IL]-?\d+L?\n|F-?[\d.]+\n|S['\"].*['\"]\n|V.*\np\d+\n|K.[JKMNUXq])"
    rb"|c(?:copy_reg|__builtin__|builtins|\w+(?:\.\w+)+)\n\w+\n|[\]}]q\x00"
)
HTML = re.compile(rb"\s*<(?:!doctype|html|\?xml|table|head|body|!--)", re.IGNORECASE)
JSON = re.compile(rb"""\s*(?:\{\s*["}]|\[\s*[\[{"\]\d-])""")


def detect_format(path: Path, filename: str) -> Format:
    """The format of the file; DatasetUnreadable names what it is instead, and what is accepted."""
    if PurePath(filename).suffix.lower() in PICKLE_NAMES:
        raise refused(PICKLE)
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(-min(8, path.stat().st_size), 2)
        tail = file.read()
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Format.XLS
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _workbook_format(path)
    _refuse_other(head, tail)
    return Format.CSV


def refused(what: str) -> DatasetUnreadable:
    """The error for a file that is something else than a table that can be read."""
    return DatasetUnreadable(f"The file is {what}. {ACCEPTED}")


def _refuse_other(head: bytes, tail: bytes) -> None:
    if BINARY_PICKLE.match(head) or (TEXT_PICKLE.match(head) and tail.rstrip(b"\n").endswith(b".")):
        raise refused(PICKLE)
    for signature, what in SIGNATURES:
        if head.startswith(signature):
            raise refused(what)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if HTML.match(text):
        raise refused("a web page or XML document: open it in a spreadsheet and save it as CSV")
    if JSON.match(text):
        raise refused("JSON: save the table as CSV or Parquet")


def _workbook_format(path: Path) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DatasetUnreadable(
            "The file looks like an Excel workbook or archive, but is damaged or cut short. Save and send it again.",
            cause=str(error),
        ) from error
    if "xl/workbook.xml" in names:
        return Format.XLSX
    if "xl/workbook.bin" in names:
        return Format.XLSB
    if "content.xml" in names and "mimetype" in names:
        return Format.ODS
    if any(PurePath(name).suffix in {".pkl", ".pickle", ".npy", ".joblib"} for name in names):
        raise refused("an archive of Python pickles or NumPy arrays, which can run code when it is read")
    raise refused("an archive (zip): unpack it first")
