"""Files read the way an upload is, without a database."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.datasets.ingest import ingest
from backend.datasets.options import ReadOptions


@dataclass(frozen=True)
class Read:
    """What became of a file."""

    format: str
    rows: int
    profiles: dict[str, dict[str, Any]]
    notes: list[str]
    table: pa.Table

    @property
    def names(self) -> list[str]:
        return list(self.profiles)

    @property
    def kinds(self) -> dict[str, str]:
        return {name: profile["type"] for name, profile in self.profiles.items()}

    def values(self, name: str) -> list[Any]:
        return self.table[name].to_pylist()


Reader = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads bytes or text, called `filename`, with options."""

    def read_bytes(content: bytes | str, filename: str = "data.csv", **options: Any) -> Read:
        folder = tmp_path / f"upload-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "upload").write_bytes(content.encode() if isinstance(content, str) else content)
        target = folder / "datasets" / "made.parquet"
        made = ingest(folder / "upload", filename, ReadOptions(**options), target)
        profiles = {column["name"]: column for column in made.columns}
        return Read(made.format.value, made.rows, profiles, made.notes, pq.read_table(target))

    return read_bytes


@pytest.fixture
def column(read: Reader) -> Callable[..., tuple[str, list[Any], list[str]]]:
    """Kind, values and notes of a column with these texts, beside a column of words."""

    def read_column(*texts: str, **options: Any) -> tuple[str, list[Any], list[str]]:
        lines = "".join(f"word;{text}\n" for text in texts)
        made = read(f"w;x\n{lines}", **({"delimiter": ";"} | options))
        return made.kinds["x"], made.values("x"), made.notes

    return read_column
