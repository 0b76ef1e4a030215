"""An upload becomes a dataset's file in a process of its own, within the bounds that the settings give."""

from dataclasses import replace
from pathlib import Path

from backend.datasets.apart import Unread, read_apart
from backend.datasets.formats import Format
from backend.datasets.ingest import Ingested
from backend.datasets.options import ReadOptions
from backend.datasets.reader_words import Order
from backend.durable import flush
from backend.errors import DatasetUnreadable
from backend.settings import Settings

# What a workbook or a text in another encoding is turned into on the way, beside what is kept of it.
_UNPACKED = 8


def take_in(settings: Settings, upload: Path, filename: str, options: ReadOptions, target: Path) -> Ingested:
    """Do what `ingest` does with an upload, and raise what it raises; TooLarge, too, for what needs more than it may.

    Other files may be made beside the upload, for its owner to remove.
    """
    order = Order(
        "ingest", settings.upload_memory_mb, _UNPACKED * settings.max_upload_mb, settings.upload_seconds, nice=5
    )
    made = upload.with_name("made.parquet")
    wish = {
        "path": str(upload),
        "filename": filename,
        "options": options.to_json(),
        "target": str(made),
        "most_columns": settings.max_columns,
    }
    try:
        said = read_apart(order, wish, at_once=settings.readers).said
    except Unread as error:
        what = f"The file could not be read as {_looks_like(upload)}"
        raise error.refusal(what, order, DatasetUnreadable) from error
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made.replace(target)  # its content is on the disk already
    try:
        flush(target.parent)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    ingested = Ingested(**said)
    return replace(ingested, format=Format(ingested.format))


def _looks_like(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    workbook = head.startswith((b"PK", b"\xd0\xcf\x11\xe0"))
    return "Excel" if workbook else "Parquet" if head == b"PAR1" else "CSV"
