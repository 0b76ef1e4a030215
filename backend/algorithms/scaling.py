"""Prepares a matrix for a linear model: missing filled, numbers standardised, categories one-hot; kept as plain arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from backend.algorithms.contract import Matrix
from backend.algorithms.signature import Feature

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Scaling:
    """`means` and `spreads` of the numeric columns, and (column, code) of each one-hot input.

    A missing number becomes the column's mean and a further input of the columns in `gaps` says that it was missing; a missing
    category is all zeros.
    """

    means: Matrix
    spreads: Matrix
    numeric: Codes
    gaps: Codes
    hot_columns: Codes
    hot_codes: Codes
    width: int

    @classmethod
    def fit(cls, X: Matrix, features: Sequence[Feature], max_categories: int) -> Self:
        numeric = np.array([i for i, feature in enumerate(features) if not feature.categorical], dtype=np.int64)
        means, spreads = _moments(X[:, numeric])
        hot = [
            (i, code)
            for i, feature in enumerate(features)
            if feature.categorical
            for code in _frequent(X[:, i], len(feature.categories), max_categories)
        ]
        pairs = np.array(hot, dtype=np.int64).reshape(-1, 2)
        gaps = numeric[np.isnan(X[:, numeric]).any(axis=0)]
        return cls(means, spreads, numeric, gaps, pairs[:, 0], pairs[:, 1], len(features))

    def transform(self, X: Matrix) -> Matrix:
        """(rows, features) becomes (rows, inputs), with no NaN left."""
        numbers = (X[:, self.numeric] - self.means) / self.spreads
        # Far outside what training saw a straight line says nothing; the bound keeps sums finite.
        numbers = np.clip(np.nan_to_num(numbers, nan=0.0), -1e6, 1e6)
        gaps = np.isnan(X[:, self.gaps]).astype(np.float64)
        hot = (X[:, self.hot_columns] == self.hot_codes).astype(np.float64)
        # Row by row in memory, so that one row is summed in the same order as many.
        return np.ascontiguousarray(np.hstack([numbers, gaps, hot]))

    def sums(self, values: Matrix) -> Matrix:
        """One value an input, summed over the matrix column that the input came from."""
        columns = np.concatenate([self.numeric, self.gaps, self.hot_columns])
        return np.bincount(columns, weights=values, minlength=self.width).astype(np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        found: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**{**found, "width": int(found["width"])})


def _moments(numbers: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of each column without its missing values; (0, 1) where nothing is left."""
    present = ~np.isnan(numbers)
    counts = np.maximum(present.sum(axis=0), 1)
    scale = np.maximum(np.abs(np.where(present, numbers, 0.0)).max(axis=0, initial=0.0), 1e-300)
    shares = np.where(present, numbers / scale, 0.0)  # squares of 1e200 would overflow
    means = shares.sum(axis=0) / counts
    spreads = np.sqrt((np.where(present, shares - means, 0.0) ** 2).sum(axis=0) / counts)
    constant = spreads <= 1e-12 * np.abs(means)
    return means * scale, np.where(constant, 1.0, spreads) * np.where(constant, 1.0, scale)


def _frequent(codes: Matrix, n_categories: int, most: int) -> list[int]:
    """The codes that get an input: those that training saw, at most so many of the most frequent, in order."""
    seen = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(seen, minlength=n_categories)
    ranked = np.argsort(-counts, kind="stable")[:most]
    return sorted(int(code) for code in ranked if counts[code])
