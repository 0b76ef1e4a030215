"""A loaded version explains itself: what is told sums to what is predicted, whichever form of it answers."""

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.linear import LinearModel
from backend.algorithms.signature import Column, Signature, Task
from backend.errors import Conflict, InvalidFields, NotReady
from backend.serving import models
from backend.serving.explaining import Explainer
from tests.serving.test_models import ORDER, OTHER, load
from tests.trained import EXAMPLE


@pytest.mark.parametrize("algorithm", ["xgboost", "linear"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_contributions_sum_to_the_answer(tmp_path: Path, task: Task, algorithm: str) -> None:
    served = load(tmp_path, task, algorithm=algorithm)
    rows = [EXAMPLE, OTHER, OTHER | {"size": 9.0, "colour": "red"}]
    predictions, explanations = served.explain(rows)
    assert predictions == served.predict(rows)
    assert [list(each.contributions) for each in explanations] == [ORDER] * 3
    for number, each in enumerate(explanations):
        if predictions.probabilities is None:
            assert each.score == pytest.approx(predictions.values[number], rel=1e-4)
        elif task == "binary":
            share = max(predictions.probabilities[number].values())
            assert 1 / (1 + math.exp(-each.score)) == pytest.approx(share, rel=1e-4)
            assert each.score >= 0, "of two classes it is the predicted one that is explained"


def test_of_several_classes_the_predicted_one_is_explained(tmp_path: Path) -> None:
    served = load(tmp_path, "multiclass", rows=300, rounds=30)
    _, (small, large) = served.explain([OTHER | {"size": 0.5}, OTHER | {"size": 9.5, "colour": "red"}])
    assert small.contributions["size"] > 0
    assert large.contributions["size"] > 0


def test_the_parts_of_a_date_are_one_column() -> None:
    columns = (Column("seen", "datetime"), Column("size", "number"))
    signature = Signature(
        task="regression", target="t", target_kind="number", classes=(), columns=columns, algorithm="linear", example={}
    )
    model = LinearModel(task="regression")
    model.contributions = lambda X: np.arange(8.0).reshape(1, 8)  # type: ignore[method-assign,assignment]
    (found,) = Explainer(signature, lambda: model).explain(np.zeros((1, 7)), None)
    assert found.contributions == {"seen": 0 + 1 + 2 + 3 + 4 + 5.0, "size": 6.0}
    assert (found.start, found.score) == (7.0, 28.0)


def test_rows_that_do_not_fit_are_refused_as_for_a_prediction(tmp_path: Path) -> None:
    with pytest.raises(InvalidFields) as refused:
        load(tmp_path).explain([EXAMPLE | {"size": "big"}])
    assert refused.value.problems[0].field == "size"


def test_the_original_is_loaded_once_and_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[Path] = []
    read = models.read_bundle

    def noted(folder: Path, *more: object) -> object:
        loads.append(folder)
        return read(folder, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(models, "read_bundle", noted)
    served = load(tmp_path)
    before = served.predict([EXAMPLE])
    assert loads == []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: served.explain([EXAMPLE])[1], range(16)))
    assert len(loads) == 1
    assert all(each == found[0] for each in found)
    assert served.predict([EXAMPLE]) == before


def test_an_algorithm_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearModel, "contributions", lambda self, X: None)
    with pytest.raises(Conflict, match="'linear' does not tell"):
        load(tmp_path, algorithm="linear").explain([EXAMPLE])


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_files_that_are_not_what_was_registered_explain_nothing(tmp_path: Path, damage: str) -> None:
    served = load(tmp_path)
    bundle = tmp_path / "result" / "bundle"
    if damage == "gone":
        shutil.rmtree(bundle)
    else:
        (bundle / "model.ubj").write_bytes(b"{}")
    with pytest.raises(NotReady):
        served.explain([EXAMPLE])
    assert served.predict([EXAMPLE]).values


def test_boosted_models_answer_by_their_compiled_form_all_the_same(tmp_path: Path) -> None:
    served = load(tmp_path)
    served.explain([EXAMPLE])
    assert not isinstance(served._answering, GradientBoosting)
