"""The row that stands for one dataset; its values are in the Parquet file named after `id`."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from backend.database import Table, new_id, now


class Dataset(Table):
    """One uploaded table.

    `columns` holds one profile a column: `{"name", "type", "missing", "distinct", ...}` (see `profiles.py`);
    `sha256` and `bytes` are those of the file as it was uploaded, not of the Parquet file made from it.
    """

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    created_by: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    rows: Mapped[int] = mapped_column(BigInteger)
    columns: Mapped[list[Any]]
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    source_format: Mapped[str]
    options: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
