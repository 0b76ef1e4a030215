"""Metrics and plots of judged rows."""

import json
from pathlib import Path

import numpy as np
import pytest

from backend.algorithms.signature import Feature
from backend.training.drawing import draw
from backend.training.evaluate import Judged, evaluate
from backend.training.plots import history_plot, importance_plot, quality_plots

# Four rows whose metrics can be reckoned by hand.
BINARY = Judged(
    "binary",
    ("no", "yes"),
    np.array([0, 0, 1, 1]),
    np.array([0, 1, 1, 1]),
    np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]]),
)
NUMBERS = Judged("regression", (), np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 2.0, 4.0, 4.0]), None)


def many_classes(classes: int, rows: int = 600) -> Judged:
    random = np.random.default_rng(0)
    truth = np.arange(rows) % classes
    weights = random.uniform(size=(rows, classes)) + np.eye(classes)[truth] * 0.7
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    names = tuple(f"${i}_%" for i in range(classes))
    return Judged("multiclass", names, truth, probabilities.argmax(axis=1), probabilities)


def test_binary_metrics() -> None:
    values = evaluate(BINARY)

    assert values["accuracy"] == 0.75
    assert values["balanced_accuracy"] == 0.75
    assert values["f1"] == pytest.approx(0.8)
    assert values["roc_auc"] == 1.0
    assert values["pr_auc"] == 1.0
    assert values["brier"] == pytest.approx((0.01 + 0.36 + 0.09 + 0.04) / 4)
    assert values["log_loss"] == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.7, 0.8])))


def test_regression_metrics() -> None:
    values = evaluate(NUMBERS)

    assert values == pytest.approx({"rmse": np.sqrt(5 / 4), "mae": 0.75, "r2": 1 - 5 / 14, "median_ae": 0.5})


def test_multiclass_metrics_are_means_over_the_classes() -> None:
    values = evaluate(many_classes(3))

    assert set(values) == {"roc_auc", "pr_auc", "log_loss", "accuracy", "f1", "balanced_accuracy", "brier"}
    assert 0.8 < values["roc_auc"] < 1


def test_a_metric_that_the_rows_cannot_give_is_left_out() -> None:
    one_sided = Judged("binary", ("no", "yes"), np.array([0, 0]), np.array([0, 0]), np.array([[0.9, 0.1], [0.8, 0.2]]))

    values = evaluate(one_sided)

    assert values["accuracy"] == 1.0
    assert not {"roc_auc", "pr_auc"} & set(values)
    assert "r2" not in evaluate(Judged("regression", (), np.ones(3), np.zeros(3), None))


@pytest.mark.parametrize("judged", [BINARY, NUMBERS, many_classes(4), many_classes(40)], ids=["2", "number", "4", "40"])
def test_plots_are_strict_json_small_and_can_be_drawn(judged: Judged, tmp_path: Path) -> None:
    plots = quality_plots(judged)

    assert len(json.dumps(plots, allow_nan=False)) < 200_000
    for plot in plots:
        assert all(len(series["x"]) == len(series["y"]) <= 1000 for series in plot["series"])
        draw(plot, tmp_path / "plot.png")
        assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_plots_of_a_task_have_the_names_that_pages_ask_for() -> None:
    assert [plot["name"] for plot in quality_plots(BINARY)] == ["confusion_matrix", "roc", "pr", "calibration"]
    assert [plot["name"] for plot in quality_plots(NUMBERS)] == ["predicted_vs_actual", "residuals"]


def test_the_confusion_matrix_counts_truth_by_row() -> None:
    plot = quality_plots(BINARY)[0]

    assert plot["labels"] == ["no", "yes"]
    assert plot["counts"] == [[1, 1], [0, 2]]


def test_the_rarest_of_many_classes_share_a_row() -> None:
    judged = many_classes(40)

    plot = quality_plots(judged)[0]

    assert len(plot["labels"]) == len(plot["counts"]) == 30
    assert plot["labels"][-1] == "(all others)"
    assert sum(map(sum, plot["counts"])) == len(judged.truth)


def test_curves_keep_their_ends_when_they_are_thinned() -> None:
    random = np.random.default_rng(0)
    truth = np.arange(5000) % 2
    probability = np.clip(random.uniform(size=5000) * 0.5 + truth * 0.4, 0, 1)
    judged = Judged("binary", ("a", "b"), truth, truth, np.column_stack([1 - probability, probability]))

    curve = quality_plots(judged)[1]["series"][0]

    assert len(curve["x"]) <= 200
    assert (curve["x"][0], curve["y"][0]) == (0, 0)
    assert (curve["x"][-1], curve["y"][-1]) == (1, 1)


def test_importance_is_a_share_a_column_largest_first(tmp_path: Path) -> None:
    features = [Feature("_a"), Feature("t.year", column="t"), Feature("t.month", column="t")]

    plot = importance_plot(features, np.array([1.0, 2.0, 1.0]))

    assert plot["series"] == [{"name": "importance", "x": [0.75, 0.25], "y": ["t", "_a"]}]
    draw(plot, tmp_path / "plot.png")


def test_the_history_has_a_line_a_metric(tmp_path: Path) -> None:
    plot = history_plot({"logloss": [(1, 0.7), (2, 0.5)], "error": [(1, 0.2), (2, 0.1)]})

    assert [series["name"] for series in plot["series"]] == ["logloss", "error"]
    draw(plot, tmp_path / "plot.png")


@pytest.mark.parametrize("rows", [40, 5000])
def test_a_thinned_curve_keeps_its_shape_and_the_area_of_the_whole(rows: int) -> None:
    random = np.random.default_rng(1)
    truth = (np.arange(rows) % 20 == 0).astype(np.int64)
    probability = np.clip(random.uniform(size=rows) * 0.6 + truth * 0.3, 0, 1)
    judged = Judged("binary", ("a", "b"), truth, truth, np.column_stack([1 - probability, probability]))
    values = evaluate(judged)

    _, roc, pr, _ = (plot["series"] for plot in quality_plots(judged))

    (roc,), (pr,) = roc, pr
    assert len(roc["x"]) <= 200
    assert len(pr["x"]) <= 200
    assert roc["area"] == pytest.approx(values["roc_auc"], rel=1e-5)
    assert pr["area"] == pytest.approx(values["pr_auc"], rel=1e-5)
    assert np.trapezoid(roc["y"], roc["x"]) == pytest.approx(values["roc_auc"], abs=0.01)
    assert (np.diff(roc["x"]) >= 0).all()
    assert (np.diff(roc["y"]) >= 0).all()
    assert (pr["x"][0], pr["y"][0], pr["x"][-1]) == (0, 1, 1)


def test_residuals_are_of_a_thousand_rows_at_most_and_the_same_each_time() -> None:
    random = np.random.default_rng(2)
    truth = random.normal(size=3000)
    judged = Judged("regression", (), truth, truth + random.normal(size=3000), None)

    predicted, residuals = quality_plots(judged)

    (points,), (missed,) = predicted["series"], residuals["series"]
    assert len(points["x"]) == len(missed["x"]) == 1000
    assert quality_plots(judged) == [predicted, residuals]
    assert missed["y"] == pytest.approx([x - y for x, y in zip(points["x"], points["y"], strict=True)], abs=1e-4)
