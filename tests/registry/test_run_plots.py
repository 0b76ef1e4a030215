"""The evaluation that training keeps can be drawn, whatever was trained, and stays small."""

import json

import numpy as np
import pytest

from backend.algorithms.signature import Feature
from backend.registry.run_plots import read_plots
from backend.training.evaluate import Judged
from backend.training.plots import history_plot, importance_plot, quality_plots
from tests.training.test_evaluate import BINARY, NUMBERS, many_classes

LONG = "a very long name " * 40
RARE = Judged("binary", ("no", LONG), np.array([0, 0]), np.array([0, 0]), np.array([[0.9, 0.1], [0.8, 0.2]]))


@pytest.mark.parametrize(
    "judged", [BINARY, NUMBERS, many_classes(3), many_classes(40), RARE], ids=["2", "number", "3", "40", "one-sided"]
)
def test_the_evaluation_of_every_task_is_read_as_it_was_written(judged: Judged) -> None:
    features = [Feature("a"), Feature(LONG)]
    more = [importance_plot(features, np.array([2.0, 1.0])), history_plot({"loss": [(1, 0.5), (2, 0.25)]})]
    written = json.dumps([*quality_plots(judged), *more]).encode()
    assert len(written) < 200_000
    read = read_plots(written)
    assert [plot["name"] for plot in read] == [plot["name"] for plot in json.loads(written)]
    assert json.loads(json.dumps(read).replace(LONG[:200], LONG)) == json.loads(written)
