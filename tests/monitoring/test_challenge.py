"""Evidence for and against a challenger: honest under daily looking, and the same however days are grouped."""

import json

import numpy as np
import pytest

from backend.monitoring.challenge import Evidence, brier_advantage, error_advantage
from benchmarks.monitoring.simulate import pair


def test_equal_models_are_rarely_called_better_though_one_looks_daily() -> None:
    """At 5 % in 100 pairs, 11 and more have a chance of 1 in 100; the usual test, looked at daily, says so of more than 15."""
    found = [pair(0.0, seed) for seed in range(100)]
    assert sum(day is not None for day, _, _ in found) <= 10
    assert sum(peeked for _, peeked, _ in found) > 15


def test_a_better_challenger_is_found() -> None:
    found = [pair(0.1, seed)[0] for seed in range(20)]
    assert sum(day is not None for day in found) >= 19


def test_a_worse_challenger_is_found_too() -> None:
    advantages = np.random.default_rng(1).uniform(-1, 0.6, size=2000)
    evidence = Evidence().add(advantages)
    assert evidence.verdict(0.05) == "worse"
    assert evidence.for_better < 1


def test_nothing_is_said_before_there_is_evidence() -> None:
    assert Evidence().verdict(0.05) == "undecided"
    assert Evidence().for_better == 1
    assert Evidence().mean == 0


def test_evidence_is_the_same_in_any_grouping() -> None:
    advantages = np.random.default_rng(2).uniform(-1, 1, size=500)
    once, daily = Evidence().add(advantages), Evidence()
    for day in np.array_split(advantages, 17):
        daily = daily.add(day)
    assert daily.records == once.records == 500
    assert daily.better == pytest.approx(once.better)
    assert daily.mean == pytest.approx(once.mean)


def test_evidence_survives_being_stored() -> None:
    evidence = Evidence().add(np.array([0.25, -1.0, 1.0]))
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


@pytest.mark.parametrize("advantage", [1.01, -2.0, np.nan], ids=["above", "below", "nan"])
def test_an_advantage_out_of_bounds_is_refused(advantage: float) -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        Evidence().add(np.array([0.0, advantage]))


def test_overwhelming_evidence_is_a_number() -> None:
    assert np.isfinite(Evidence().add(np.ones(100_000)).for_better)


def test_the_brier_advantage_is_half_the_difference_of_the_scores() -> None:
    champion, challenger = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])
    assert brier_advantage(np.array([1, 0]), champion, challenger).tolist() == [1.0, 0.0]


def test_the_advantage_of_numbers_has_no_unit() -> None:
    truth, champion, challenger = np.array([10.0, 0.0, 5.0]), np.array([13.0, 0.0, 5.0]), np.array([11.0, 0.0, 6.0])
    assert error_advantage(truth, champion, challenger).tolist() == [0.5, 0.0, -1.0]
