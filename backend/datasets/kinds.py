"""The six kinds of column, and the Parquet type that each is stored as."""

from typing import Literal

import pyarrow as pa

Kind = Literal["integer", "number", "boolean", "category", "text", "datetime"]

STORED_AS: dict[Kind, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "text": pa.string(),
    "datetime": pa.timestamp("us"),
}
UTC_DATETIME = pa.timestamp("us", tz="UTC")

# A few words that come back again and again are categories; words that hardly ever repeat are text.
MOST_CATEGORIES = 200
ALWAYS_CATEGORIES = 10
REPEATED = 2


def kind_of_text(present: int, distinct: int) -> Kind:
    """Whether a column of `present` texts with `distinct` different ones is a category or free text."""
    if not 0 < distinct <= MOST_CATEGORIES:
        return "text"
    return "category" if distinct <= ALWAYS_CATEGORIES or present >= REPEATED * distinct else "text"
