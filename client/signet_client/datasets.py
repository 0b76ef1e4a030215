"""Datasets: files that were uploaded, read and profiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, BinaryIO, cast

import httpx

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.types import Dataset, Rows

Progress = Callable[[int], None]
# Reading a large file takes the platform a while after the last byte has arrived.
UPLOAD_TIMEOUT = httpx.Timeout(60.0, connect=5.0, read=900.0)


class Datasets:
    """The calls under `/v1/datasets`."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def upload(
        self,
        file: BinaryIO,
        *,
        name: str,
        filename: str | None = None,
        options: Mapping[str, str] | None = None,
        on_progress: Progress | None = None,
    ) -> Dataset:
        """The dataset made of an open file, which is sent from its start, piece by piece, and never held in memory.

        `options` are the form's other fields (`header`, `delimiter`, ...); `on_progress` is called with the bytes sent so far.
        Invalid says what is wrong with a bad file, and where.
        """
        filename = filename or PurePath(str(getattr(file, "name", name))).name
        body = (filename, _Counted(file, on_progress), "application/octet-stream")
        form = {"name": name, **(options or {})}
        answer = self._call("POST", "/v1/datasets", data=form, files={"file": body}, timeout=UPLOAD_TIMEOUT)
        return cast("Dataset", answer)

    def list(self) -> list[Dataset]:
        return cast("list[Dataset]", self._call("GET", "/v1/datasets")["items"])

    def get(self, dataset_id: str) -> Dataset:
        return cast("Dataset", self._call("GET", path("v1", "datasets", dataset_id)))

    def preview(self, dataset_id: str, *, limit: int = 100) -> Rows:
        """The first rows."""
        answer = self._call("GET", path("v1", "datasets", dataset_id, "preview"), params={"limit": limit})
        return cast("Rows", answer["rows"])

    def delete(self, dataset_id: str) -> None:
        self._call("DELETE", path("v1", "datasets", dataset_id))


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, on_progress: Progress | None) -> None:
        self._file = file
        self._on_progress = on_progress
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._sent += len(chunk)
        if self._on_progress and chunk:
            self._on_progress(self._sent)
        return chunk

    def seek(self, offset: int, whence: int = 0) -> int:
        self._sent = 0
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def __iter__(self) -> Any:
        return iter(lambda: self.read(65536), b"")
