"""How large a dataset may be, besides the bytes of its file (`SIGNET_MAX_UPLOAD_MB`)."""

from backend.errors import DatasetUnreadable, TooLarge

MEGABYTE = 1024 * 1024
MAX_COLUMNS = 5_000  # `SIGNET_MAX_COLUMNS` may only be lower
MAX_ROWS = 100_000_000
MAX_CELL = 131_072  # also the limit of Python's csv module, which locates faults
MAX_NAME = 200
# What a compressed file may unpack to: a workbook is held in memory, Parquet is read in pieces.
MAX_WORKBOOK = 512 * MEGABYTE
MAX_PARQUET = 16 * 1024 * MEGABYTE
MAX_BATCH = 256 * MEGABYTE


def verify_columns(count: int, most: int = MAX_COLUMNS) -> None:
    """TooLarge for a table wider than the platform reads."""
    if count > most:
        raise TooLarge(f"The file has {count:,} columns; at most {most:,} can be read. Remove some columns.")


def verify_rows(count: int) -> None:
    """TooLarge for a table longer than the platform reads."""
    if count > MAX_ROWS:
        raise TooLarge(f"The file has more than {MAX_ROWS:,} rows. Split it, or draw a sample of its rows.")


def cell_too_long(where: str) -> DatasetUnreadable:
    """The error for one value that is longer than any value should be."""
    return DatasetUnreadable(
        f"{where} is longer than {MAX_CELL:,} characters. The usual reason is a double quote that is opened "
        "and never closed: close it, or double it where it belongs to the value."
    )
