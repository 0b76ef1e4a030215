"""Which form of a model is served: only one that answers alike, alone and among others, and faster; and what is kept to prove it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest

from backend.algorithms.boosting import GradientBoosting
from backend.algorithms.bundle import read_bundle, read_served, write_bundle
from backend.algorithms.compilation import compile_model
from backend.algorithms.contract import Algorithm, Form, FormUnavailable, Matrix, Vector
from backend.algorithms.forest import Forest
from backend.algorithms.probe import MOST_ROWS, Probe, choose_rows
from backend.algorithms.signature import Feature, Signature
from backend.algorithms.trial import COLUMNS, Trial, make_sample
from backend.errors import Invalid


class Slow(Algorithm):
    """Sums each row, at leisure."""

    name: ClassVar[str] = "slow"
    title: ClassVar[str] = "Slow"
    tasks = frozenset({"regression"})

    def fit(self, X: Matrix, y: Vector, **_: object) -> Self:  # type: ignore[override]
        return self

    def predict(self, X: Matrix) -> Vector:
        time.sleep(0.0005)
        return np.nan_to_num(X).sum(axis=1)

    def save(self, folder: Path) -> None:
        (folder / "nothing").write_text("")

    @classmethod
    def load(cls, folder: Path) -> Self:
        (folder / "nothing").read_text()
        return cls(task="regression")

    def compiled(self) -> Form | None:
        return OneForm()


class OneForm(Form):
    """As Slow, but for what a test changes."""

    name: ClassVar[str] = "quick"
    change: ClassVar[Callable[[Matrix], Matrix]] = staticmethod(lambda found: found)

    def answers(self, X: Matrix) -> Matrix:
        return type(self).change(np.nan_to_num(X).sum(axis=1))

    def save(self, folder: Path) -> None:
        (folder / "quick").write_text("")

    @classmethod
    def load(cls, folder: Path) -> Self:
        (folder / "quick").read_text()
        return cls()


Slow.forms = (OneForm,)
FEATURES = (Feature("a"), Feature("b"))
X = np.arange(80.0).reshape(-1, 2)


def fail(_: Matrix) -> Matrix:
    raise ZeroDivisionError


def idle(found: Matrix) -> Matrix:
    time.sleep(0.003)
    return found


REJECTED = {
    "it answers otherwise": (lambda found: found * 1.00001, "answers otherwise"),
    "it gives another shape": (lambda found: found[:, None], "answers otherwise"),
    "it gives no number": (lambda found: np.where(found > 3, np.nan, found), "answers otherwise"),
    "it depends on the other rows": (lambda found: found + 1e-9 * len(found), "alone otherwise"),
    "it fails": (fail, "ZeroDivisionError"),
    "it is slower": (idle, "not faster"),
}


@pytest.mark.parametrize(("change", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_form_is_not_kept_where(
    change: Callable[[Matrix], Matrix], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OneForm, "change", staticmethod(change))
    made = compile_model(Slow(task="regression"), X, FEATURES)
    assert made.form is None
    assert made.choice.form == "slow"
    assert reason in made.choice.reason
    assert made.probe.outputs.tobytes() == Slow(task="regression").answers(made.probe.inputs).tobytes()


def test_a_form_that_is_alike_and_faster_is_kept_and_the_choice_says_so() -> None:
    choice = compile_model(Slow(task="regression"), X, FEATURES).choice
    assert (choice.form, choice.max_difference, choice.probe_rows) == ("quick", 0.0, 43)
    assert choice.speedup is not None
    assert choice.speedup["1"] > 2
    assert set(choice.to_json()) == {"form", "reason", "probe_rows", "max_difference", "speedup"}


def test_a_form_that_the_algorithm_does_not_name_could_not_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Slow, "forms", ())
    made = compile_model(Slow(task="regression"), X, FEATURES)
    assert (made.form, made.choice.form) == (None, "slow")


def test_an_algorithm_without_a_form_is_served_as_it_is() -> None:
    trial = Trial(Slow, "regression")
    trial.__dict__["model"] = type("Plain", (Slow,), {"compiled": Algorithm.compiled})(task="regression")
    choice = compile_model(trial.model, X, FEATURES).choice
    assert (choice.form, choice.reason, choice.speedup) == ("slow", "It has no compiled form.", None)


def test_the_probe_has_rows_of_training_gaps_and_every_category() -> None:
    data = make_sample("binary")
    rows = choose_rows(data.X, data.features)
    own = {row.tobytes() for row in data.X}
    assert sum(row.tobytes() in own for row in rows) >= 100
    assert np.isnan(rows).all(axis=1).any()
    assert np.isnan(rows).any(axis=0).all()
    assert set(rows[~np.isnan(rows[:, 3]), 3]) == {0.0, 1.0, 2.0, 3.0}
    assert choose_rows(data.X, data.features).tobytes() == rows.tobytes()


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (100_000, 3), (2000, 5000), (3, 200_000)])
def test_the_probe_is_small_for_any_data(rows: int, width: int) -> None:
    wide = np.zeros((min(rows, 2_000_000 // width + 1), width))
    found = choose_rows(wide, [Feature(str(i)) for i in range(width)])
    assert 1 <= len(found) <= MOST_ROWS
    assert found.nbytes <= max(2**20, 8 * width)


def test_a_probe_is_replayed() -> None:
    data = make_sample("regression")
    model = Trial(type("Plain", (Slow,), {}), "regression").cls(task="regression")
    probe = Probe(data.X, model.answers(data.X))
    probe.verify(model)
    with pytest.raises(Invalid, match="answers that were recorded"):
        Probe(data.X, probe.outputs * 1.00001).verify(model)
    with pytest.raises(Invalid, match="answers that were recorded"):
        Probe(data.X, probe.outputs[:-1]).verify(model)


def test_the_bundle_carries_form_and_probe_and_serves_without_the_original(trial: Trial, tmp_path: Path) -> None:
    compiled = compile_model(trial.model, trial.sample.X, trial.sample.features)
    manifest = write_bundle(tmp_path / "one", trial.model, trial_signature(trial), compiled)
    served, _, probe = read_served(tmp_path / "one", manifest, 1)
    assert probe is not None
    probe.verify(served)
    assert served.answers(probe.inputs).tobytes() == probe.outputs.tobytes()
    assert type(served) is (type(compiled.form) if compiled.form else trial.cls)
    original, _ = read_bundle(tmp_path / "one", manifest)
    assert type(original) is trial.cls
    again = write_bundle(tmp_path / "two", trial.model, trial_signature(trial), compiled)
    assert again.digest == manifest.digest


def test_where_the_form_cannot_run_the_original_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(GradientBoosting, "multiclass")
    compiled = compile_model(trial.model, trial.sample.X, trial.sample.features)
    assert isinstance(compiled.form, Forest)
    manifest = write_bundle(tmp_path / "model", trial.model, trial_signature(trial), compiled)

    def refuse(cls: type[Forest], folder: Path) -> Forest:
        raise FormUnavailable

    monkeypatch.setattr(Forest, "load", classmethod(refuse))
    served, _, probe = read_served(tmp_path / "model", manifest, 1)
    assert isinstance(served, GradientBoosting)
    assert probe is not None
    probe.verify(served)


def test_a_bundle_of_before_there_were_probes_is_served(trial: Trial, tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "model", trial.model, trial_signature(trial))
    served, _, probe = read_served(tmp_path / "model", manifest, 1)
    assert probe is None
    assert isinstance(served, trial.cls)


def trial_signature(trial: Trial) -> Signature:
    classes = tuple(range(trial.sample.n_classes))
    return Signature(trial.task, "t", "integer", classes, COLUMNS, trial.cls.name, {})
