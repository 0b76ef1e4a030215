"""The profile of a column equals what a plain computation over all its values gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.datasets import profiles, variety
from tests.datasets.conftest import Reader


def _profile(tmp_path: Path, values: pa.Array, **options: Any) -> dict[str, Any]:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"x": values}), path, **options)
    return profiles.profile_columns(path)[0]


def test_numbers(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(5, 2, 200_000)
    profile = _profile(tmp_path, pa.array(numbers, mask=np.arange(200_000) % 10 == 0), row_group_size=30_000)
    known = np.delete(numbers, np.arange(0, 200_000, 10))
    assert (profile["type"], profile["missing"], profile["distinct"]) == ("number", 20_000, 180_000)
    assert (profile["min"], profile["max"]) == (known.min(), known.max())
    assert profile["mean"] == pytest.approx(known.mean(), rel=1e-12)
    assert profile["std"] == pytest.approx(known.std(ddof=1), rel=1e-12)
    counts, edges = np.histogram(known, 20)
    assert profile["histogram"]["counts"] == counts.tolist()
    assert profile["histogram"]["edges"] == pytest.approx(edges.tolist())
    assert profile["examples"] == known[:3].tolist()
    assert "top" not in profile


def test_whole_numbers_categories_and_flags(read: Reader) -> None:
    made = read("n,w,f\n" + "".join(f"{i % 3},{'ab'[i % 2]},{'true' if i % 4 else 'false'}\n" for i in range(100)))
    assert made.profiles["n"]["top"] == [
        {"value": 0, "count": 34},
        {"value": 1, "count": 33},
        {"value": 2, "count": 33},
    ]
    assert made.profiles["w"]["top"] == [{"value": "a", "count": 50}, {"value": "b", "count": 50}]
    assert made.profiles["f"]["top"] == [{"value": True, "count": 75}, {"value": False, "count": 25}]
    assert sum(made.profiles["n"]["histogram"]["counts"]) == 100
    assert "histogram" not in made.profiles["w"]


def test_times(read: Reader) -> None:
    profile = read("d,z\n2024-01-01,2024-01-01T00:00Z\n2024-01-21,2024-01-21T00:00Z\n").profiles
    assert (profile["d"]["min"], profile["d"]["max"]) == ("2024-01-01T00:00:00", "2024-01-21T00:00:00")
    assert profile["d"]["histogram"]["edges"][1] == "2024-01-02T00:00:00"
    assert profile["z"]["max"] == "2024-01-21T00:00:00+00:00"


def test_top_values_of_many_are_ranked(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(5_000)] + ["often"] * 3 + ["b", "a"] * 2
    profile = _profile(tmp_path, pa.array(words))
    assert [entry["value"] for entry in profile["top"][:3]] == ["often", "a", "b"]
    assert profile["distinct"] == 5_003


def test_distinct_values_beyond_memory_are_a_lower_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variety, "MOST_VALUES", 1_000)
    profile = _profile(tmp_path, pa.array([f"w{i}" for i in range(300_000)]))
    assert profile["distinct_is_lower_bound"]
    assert 1_000 < profile["distinct"] <= 300_000
    assert (profile["type"], profile["top"]) == ("text", [])


@pytest.mark.parametrize(
    "numbers",
    [
        [1.5],
        [2.0, 2.0, None],
        [-1.7e308, 1.7e308],
        [5e-324, 1e-323],
        [1.0, 1.0 + 2**-52],
        [None, None],
        [2**62, 2**62 + 1],
        [-(2**63), 2**63 - 1],
    ],
)
def test_strange_ranges_have_a_profile_in_strict_json(tmp_path: Path, numbers: list[float | None]) -> None:
    profile = _profile(tmp_path, pa.array(numbers, None if any(numbers) else pa.float64()))
    json.dumps(profile, allow_nan=False)
    known = [number for number in numbers if number is not None]
    assert profile["missing"] == len(numbers) - len(known)
    assert not known or (profile["min"], profile["max"]) == (min(known), max(known))


def test_long_texts_are_cut_in_the_profile_alone(read: Reader) -> None:
    made = read(f"a,b\n{'x' * 1000},1\n{'x' * 1000},2\n")
    assert len(made.profiles["a"]["top"][0]["value"]) == 200
    assert made.values("a")[0] == "x" * 1000
