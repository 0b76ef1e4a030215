"""What is worth seeing of a model: judged rows come in; plots as data, ready for any page to draw, go out.

Each plot is `{"name", "title", "form", "x_label", "y_label", "series"}`; a series is `{"name", "x", "y"}`, two lists of one length: at most 200
points of a line, 1000 of a cloud. A curve that has an `area` under it tells it, reckoned before the curve was thinned.
`form` is `lines`, `points`, `bars` (x: lengths, y: names) or `matrix`: that one has `labels` and `counts` (rows: truth) instead of `series`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from backend.algorithms.signature import Feature, importances_by_column
from backend.training.evaluate import Judged

MOST_POINTS = 1000
MOST_OF_A_LINE = 200
_MOST_CURVES = 10
_MOST_LABELS = 30
_BINS = 10

Plot = dict[str, Any]
Floats = NDArray[np.float64]


def quality_plots(judged: Judged) -> list[Plot]:
    """How the model errs: curves and confusion for classes, residuals for numbers."""
    if judged.task == "regression":
        return [_predicted_vs_actual(judged), _residuals(judged)]
    return [_confusion_matrix(judged), _roc(judged), _pr(judged), _calibration(judged)]


def importance_plot(features: Sequence[Feature], importances: Floats) -> Plot:
    """The columns that count most, largest first, as shares of the whole."""
    by_column = importances_by_column(features, importances.tolist())
    whole = sum(by_column.values()) or 1.0
    top = list(by_column.items())[:_MOST_LABELS]
    series = _series("importance", [value / whole for _, value in top], [name for name, _ in top])
    return _plot("feature_importance", "What the model goes by", "bars", "share of importance", "column", [series])


def history_plot(history: Mapping[str, Sequence[tuple[int, float]]]) -> Plot:
    """How a metric on the validation rows developed while fitting; `history` is (step, value) by name."""
    series = [
        _series(name, [step for step, _ in points], [value for _, value in points]) for name, points in history.items()
    ]
    return _plot("fitting", "While learning", "lines", "step", "value on the validation rows", series)


def _plot(name: str, title: str, form: str, x_label: str, y_label: str, series: list[Plot]) -> Plot:
    return {"name": name, "title": title, "form": form, "x_label": x_label, "y_label": y_label, "series": series}


def _series(name: str, x: Sequence[Any] | Floats, y: Sequence[Any] | Floats) -> Plot:
    return {"name": name, "x": [_plain(value) for value in x], "y": [_plain(value) for value in y]}


def _curve(name: str, x: Floats, y: Floats, area: float) -> Plot:
    """Points spread evenly along the curve, its ends and its steep parts among them."""
    walked = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    keep = np.unique(np.searchsorted(walked, np.linspace(0, walked[-1], MOST_OF_A_LINE)))
    return {**_series(name, x[keep], y[keep]), "area": _plain(area)}


def _plain(value: Any) -> Any:
    """Six digits are more than a plot shows, and keep the file small."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _confusion_matrix(judged: Judged) -> Plot:
    """Counts by truth (rows) and prediction (columns); beyond 30 classes the rarest share one row and column."""
    counts = metrics.confusion_matrix(judged.truth, judged.predicted, labels=range(len(judged.classes)))
    labels = [str(label) for label in judged.classes]
    if len(labels) > _MOST_LABELS:
        order = np.argsort(-counts.sum(axis=1), kind="stable")
        place = np.minimum(np.argsort(order, kind="stable"), _MOST_LABELS - 1)
        merge = np.eye(_MOST_LABELS, dtype=counts.dtype)[place]
        counts = merge.T @ counts @ merge
        labels = [labels[i] for i in order[: _MOST_LABELS - 1]] + ["(all others)"]
    plot = _plot("confusion_matrix", "Truth and prediction", "matrix", "prediction", "truth", [])
    return {**plot, "labels": labels, "counts": counts.tolist()}


def _shown_classes(judged: Judged) -> list[int]:
    """The positive class, or the most frequent classes that the hold-out rows can tell from the rest."""
    counts = np.bincount(judged.truth, minlength=len(judged.classes))
    seen = [i for i in range(len(counts)) if 0 < counts[i] < len(judged.truth)]
    if judged.task == "binary":
        return [i for i in seen if i == 1]
    return sorted(sorted(seen, key=lambda i: -int(counts[i]))[:_MOST_CURVES])


def _columns(judged: Judged) -> list[tuple[str, Floats, Floats]]:
    """(class, truth as 0 and 1, probability) of each class that is shown."""
    if judged.probabilities is None:
        return []
    truth = judged.one_hot()
    return [(str(judged.classes[i]), truth[:, i], judged.probabilities[:, i]) for i in _shown_classes(judged)]


def _roc(judged: Judged) -> Plot:
    series = []
    for name, truth, probability in _columns(judged):
        false_positive, true_positive, _ = metrics.roc_curve(truth, probability)
        series.append(_curve(name, false_positive, true_positive, metrics.auc(false_positive, true_positive)))
    return _plot("roc", "ROC curve", "lines", "false positive rate", "true positive rate", series)


def _pr(judged: Judged) -> Plot:
    series = []
    for name, truth, probability in _columns(judged):
        precision, recall, _ = metrics.precision_recall_curve(truth, probability)
        area = metrics.average_precision_score(truth, probability)
        series.append(_curve(name, recall[::-1], precision[::-1], area))
    return _plot("pr", "Precision and recall", "lines", "recall", "precision", series)


def _calibration(judged: Judged) -> Plot:
    """Mean probability against observed share, in bins of equally many rows."""
    series = []
    for name, truth, probability in _columns(judged):
        bins = [rows for rows in np.array_split(np.argsort(probability, kind="stable"), _BINS) if len(rows)]
        means = [float(probability[rows].mean()) for rows in bins]
        shares = [float(truth[rows].mean()) for rows in bins]
        series.append(_series(name, means, shares))
    return _plot("calibration", "Calibration", "lines", "predicted probability", "observed share", series)


def _sampled(judged: Judged) -> tuple[Floats, Floats]:
    """Truth and prediction of at most 1000 rows, ordered by the prediction."""
    rows = np.random.default_rng(0).permutation(len(judged.truth))[:MOST_POINTS]
    rows = rows[np.argsort(judged.predicted[rows], kind="stable")]
    return judged.truth[rows].astype(np.float64), judged.predicted[rows].astype(np.float64)


def _predicted_vs_actual(judged: Judged) -> Plot:
    truth, predicted = _sampled(judged)
    series = [_series("rows", truth, predicted)]
    return _plot("predicted_vs_actual", "Predicted and actual", "points", "actual", "predicted", series)


def _residuals(judged: Judged) -> Plot:
    truth, predicted = _sampled(judged)
    series = [_series("rows", predicted, truth - predicted)]
    return _plot("residuals", "Residuals", "points", "predicted", "actual - predicted", series)
