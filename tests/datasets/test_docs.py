"""What the documentation says of kinds is what happens."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.datasets.limits import MAX_CELL, MAX_COLUMNS, MAX_ROWS, MAX_WORKBOOK, MEGABYTE
from backend.datasets.options import ReadOptions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
KINDS = re.findall(r"^\| ((?:`[^`]+` ?)+) \| (integer|number|boolean|category|text|datetime) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("values", "kind"), KINDS, ids=[values for values, _ in KINDS])
def test_the_table_of_kinds(column: Callable[..., tuple[str, list[Any], list[str]]], values: str, kind: str) -> None:
    assert column(*re.findall("`([^`]+)`", values))[0] == kind


def test_the_page_names_every_kind_option_and_limit() -> None:
    assert {kind for _, kind in KINDS} == {"integer", "number", "boolean", "category", "datetime"}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == set(ReadOptions.__dataclass_fields__)
    for limit in (f"{MAX_COLUMNS:,} columns", f"{MAX_CELL:,} characters", f"{MAX_WORKBOOK // MEGABYTE} MB unpacked"):
        assert limit in PAGE
    assert f"{MAX_ROWS // 1_000_000} million rows" in PAGE
