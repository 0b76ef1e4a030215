"""Scored files that wait to be fetched: each for the session that made it, for an hour, never in a public folder."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from frontend.relay import RelayError
from frontend.settings import load_settings

MOST_EACH = 6
STALE_SECONDS = 3600.0


@dataclass(frozen=True)
class Kept:
    """One file and the session (`owner`) that may fetch it."""

    owner: str
    path: Path
    made_at: float = field(default_factory=time.monotonic)


class ScoredFiles:
    """The files in a folder that only this process reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Remove what an earlier process left behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, owner: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
        """Keep the rows as CSV (UTF-8) and return the word by which the owner fetches them; of an owner's files the oldest go."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{secrets.token_hex(16)}.csv"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows(rows)
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[token] = Kept(owner, path)
            self._sweep(owner)
        return token

    def find(self, owner: str, token: str) -> Path:
        """RelayError where there is no such file, or it belongs to another session."""
        kept = self._kept.get(token)
        if kept is None or kept.owner != owner or _is_stale(kept):
            raise RelayError(404, "not-found", "This file is not kept any more. Score it again.")
        return kept.path

    def _sweep(self, owner: str) -> None:
        own = [token for token, kept in self._kept.items() if kept.owner == owner]
        stale = [token for token, kept in self._kept.items() if _is_stale(kept)]
        for token in {*own[:-MOST_EACH], *stale}:
            self._kept.pop(token).path.unlink(missing_ok=True)


def _is_stale(kept: Kept) -> bool:
    return time.monotonic() - kept.made_at > STALE_SECONDS


@cache
def scored_files() -> ScoredFiles:
    """Those of this process."""
    return ScoredFiles(load_settings().home / "data" / "scored")
