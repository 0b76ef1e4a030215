"""A trained model of each kind, made once: fitting is the slow part."""

import pytest

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.linear import LinearModel
from backend.algorithms.signature import Signature
from backend.algorithms.trial import COLUMNS, Trial


@pytest.fixture(scope="session", params=[GradientBoosting, LinearModel], ids=lambda cls: cls.name)
def trial(request: pytest.FixtureRequest) -> Trial:
    return Trial(request.param, "multiclass")


@pytest.fixture
def signature(trial: Trial) -> Signature:
    example = {"size": 1.0, "count": 2, "flag": True, "colour": "red", "seen": "2026-01-31", "constant": 1.0}
    return Signature("multiclass", "kind", "category", ("a", "b", "c"), COLUMNS, trial.cls.name, example)
