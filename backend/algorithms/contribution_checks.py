"""Whether the contributions that an algorithm tells are those of its predictions; raises NotConforming with the reason, or returns."""

import numpy as np

from backend.algorithms.contract import Matrix
from backend.algorithms.trial import Trial
from backend.algorithms.verdict import require

# Of the largest sum: what float32 leaves of the sum of some hundred numbers.
TOLERANCE = 1e-4


def gives_contributions(trial: Trial) -> None:
    """Their sum is the raw score, for rows with and without gaps."""
    data = trial.sample
    X = np.vstack([data.X[:40], np.full((1, len(data.features)), np.nan)])
    given = trial.model.contributions(X.copy())
    if given is None:
        return
    shape = (len(X), len(data.features) + 1, *((data.n_classes,) if trial.task == "multiclass" else ()))
    require(given.shape == shape, f"the shape of the contributions is {given.shape}, not {shape}")
    require(np.all(np.isfinite(given)), "a contribution is not finite")
    answers = trial.answers(trial.model, X)
    apart = np.abs(_answers(given.sum(axis=1), trial) - answers).max() / (np.abs(answers).max() or 1.0)
    require(apart <= TOLERANCE, f"the contributions do not sum to what is predicted; they are off by {apart}")


def _answers(scores: Matrix, trial: Trial) -> Matrix:
    """What these raw scores mean: numbers, or probabilities."""
    if trial.task == "regression":
        return scores.reshape(-1, 1)
    if trial.task == "binary":
        scores = np.column_stack([np.zeros_like(scores), scores])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares
