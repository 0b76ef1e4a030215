"""Numbers and names of the API in words that a person reads."""

from __future__ import annotations

import re
from dataclasses import dataclass

TASKS = {
    "binary": "Yes or no",
    "multiclass": "One of several classes",
    "regression": "A number",
}
TYPES = {
    "integer": "Whole number",
    "number": "Number",
    "boolean": "Yes / no",
    "category": "Category",
    "text": "Text",
    "datetime": "Date or time",
}
STATES = {
    "queued": ("Waiting", "gray", ":material/schedule:"),
    "running": ("Training", "blue", ":material/autorenew:"),
    "succeeded": ("Done", "green", ":material/check_circle:"),
    "failed": ("Failed", "red", ":material/error:"),
    "cancelled": ("Cancelled", "orange", ":material/cancel:"),
}


@dataclass(frozen=True)
class Metric:
    """What a metric is called, what it says, and whether more of it is better."""

    label: str
    meaning: str
    more_is_better: bool = True


METRICS = {
    "roc_auc": Metric("ROC AUC", "How well the model ranks: 1 is perfect, 0.5 is guessing."),
    "pr_auc": Metric("PR AUC", "Precision averaged over recall; telling where one class is rare."),
    "accuracy": Metric("Accuracy", "The share of rows that it got right."),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "The share it got right in each class, averaged over the classes."
    ),
    "f1": Metric("F1", "Precision and recall in one number; 1 is perfect."),
    "log_loss": Metric("Log loss", "How far its probabilities are from the truth; 0 is perfect.", more_is_better=False),
    "brier": Metric("Brier score", "The squared error of its probabilities; 0 is perfect.", more_is_better=False),
    "rmse": Metric("RMSE", "The typical error, in the target's unit; large errors count more.", more_is_better=False),
    "mae": Metric("MAE", "The average error, in the target's unit.", more_is_better=False),
    "median_ae": Metric("Median error", "Half of the rows are off by less than this.", more_is_better=False),
    "r2": Metric("R²", "The share of the variation that it explains: 1 is perfect, 0 no better than the mean."),
}
HEADLINE = {
    "binary": ("roc_auc", "accuracy", "f1", "log_loss"),
    "multiclass": ("accuracy", "f1", "roc_auc", "log_loss"),
    "regression": ("r2", "rmse", "mae", "median_ae"),
}


def metric(name: str) -> Metric:
    """A metric by its name; one that is not known is called by it."""
    return METRICS.get(name) or Metric(name.replace("_", " "), "")


def number(value: object) -> str:
    """A number with as many digits as mean something."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def count(how_many: int, thing: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{how_many:,} {thing}" + ("" if how_many == 1 else "s")


def slug(text: str) -> str:
    """A name for a model made from any name: small letters, digits and dashes."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    return "-".join(part for part in letters.split("-") if part)[:63] or "model"


_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})T00:00:00(\.0+)?")
_NO_FRACTION = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\.0+")


def moment(text: str) -> str:
    """A date or a time as short as it can be said; any other text as it is."""
    for pattern in (_MIDNIGHT, _NO_FRACTION):
        if found := pattern.fullmatch(text):
            return found[1]
    return text
