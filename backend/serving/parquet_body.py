"""A Parquet body becomes what a model sees, read in a process of its own: a crafted one may end a process that reads it."""

from collections.abc import Sequence

import numpy as np

from backend.algorithms.contract import Matrix
from backend.algorithms.signature import Column, column_to_json, expand
from backend.datasets.apart import Unread, read_apart
from backend.datasets.reader_words import Order
from backend.errors import Malformed
from backend.settings import Settings

# Values that repeat take next to nothing in Parquet. What a body may become is to what it may weigh as with one of JSON.
_UNPACKED = 16
_WHAT = "The Parquet body could not be read"


def encode_parquet(settings: Settings, columns: Sequence[Column], body: bytes) -> Matrix:
    """The matrix (rows, features) of a Parquet body with these columns.

    Raises Malformed for a body that cannot be read, TooLarge for one that needs more than it may, and InvalidFields.
    """
    limit_mb = settings.max_body_mb
    order = Order("encode", settings.parquet_memory_mb, _UNPACKED * limit_mb, settings.parquet_seconds)
    wish = {
        "columns": [column_to_json(column) for column in columns],
        "max_rows": settings.max_rows,
        "limit": limit_mb * 2**20,
    }
    width = len(expand(columns))
    try:
        answer = read_apart(order, wish, body, at_once=settings.readers)
    except Unread as error:
        raise error.refusal(_WHAT, order, Malformed) from error
    return np.frombuffer(answer.rest, dtype=np.float64).reshape(answer.said["rows"], width)
