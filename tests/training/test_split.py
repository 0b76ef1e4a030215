"""Which rows teach and which judge."""

import numpy as np
import pytest

from backend.training.split import split_rows


@pytest.mark.parametrize("rows", [20, 49, 50, 51, 1000, 12345])
def test_every_row_is_in_one_set_and_a_fifth_judges(rows: int) -> None:
    split = split_rows(np.linspace(0, 1, rows), classes=0, seed=1)

    together = np.concatenate([split.train, split.validation, split.test])
    assert sorted(together.tolist()) == list(range(rows))
    assert len(split.test) == round(rows / 5)
    assert (len(split.validation) > 0) == (rows >= 50)


@pytest.mark.parametrize("rarest", [2, 3, 4, 7])
def test_each_class_has_a_row_to_learn_from_and_one_to_judge(rarest: int) -> None:
    y = np.array([0] * 60 + [1] * 40 + [2] * rarest)

    split = split_rows(y, classes=3, seed=3)

    for rows in (split.train, split.test):
        assert set(y[rows]) == {0, 1, 2}


def test_classes_keep_their_shares() -> None:
    y = np.array([0] * 900 + [1] * 100)

    split = split_rows(y, classes=2, seed=5)

    assert [int(y[rows].sum()) for rows in (split.train, split.validation, split.test)] == [64, 16, 20]


def test_the_seed_decides() -> None:
    y = np.linspace(0, 1, 200)

    first, same, other = (split_rows(y, classes=0, seed=seed).test.tolist() for seed in (1, 1, 2))

    assert first == same
    assert first != other
