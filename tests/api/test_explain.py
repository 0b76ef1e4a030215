"""Contributions over HTTP: one row and few, who may ask, and what is refused."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from backend.algorithms.boosting import GradientBoosting
from tests.api.conftest import Registered, Subscribed
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE

PATH = "/v1/models/bugs/explain"
IN_ORDER = [EXAMPLE[column.name] for column in COLUMNS]


def test_one_row_is_predicted_and_explained(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(PATH, json={"features": EXAMPLE}).get_json()
    assert (answer["model"], answer["version"], set(answer)) == ("bugs", "1", {"explanation", "model", "version"})
    found = answer["explanation"]
    assert list(found["contributions"]) == [column.name for column in COLUMNS]
    assert found["start"] + sum(found["contributions"].values()) == pytest.approx(found["score"])
    predicted = expert.post("/v1/models/bugs/predict", json={"features": EXAMPLE}).get_json()
    assert {name: found[name] for name in ("prediction", "probabilities")} == {
        name: predicted[name] for name in ("prediction", "probabilities")
    }


def test_a_regression_is_explained_without_probabilities(expert: Person, registered: Registered) -> None:
    registered("bugs", "regression")
    found = expert.post(PATH, json={"features": IN_ORDER}).get_json()["explanation"]
    assert "probabilities" not in found
    assert found["score"] == pytest.approx(found["prediction"], rel=1e-4)


def test_few_rows_keep_their_order(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    rows = [EXAMPLE | {"size": size} for size in (0.5, 9.5)]
    many = expert.post(PATH, json={"features": rows}).get_json()["explanations"]
    assert many == [expert.post(PATH, json={"features": row}).get_json()["explanation"] for row in rows]


def test_a_version_or_an_alias_can_be_named(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    registered("bugs", "multiclass", version=2, alias="challenger")
    for query in ("version=2", "alias=challenger"):
        assert expert.post(f"{PATH}?{query}", json={"features": EXAMPLE}).get_json()["version"] == "2"


@pytest.mark.parametrize(
    ("features", "status", "named"),
    [
        (EXAMPLE | {"size": "big"}, 422, "size"),
        (EXAMPLE | {"weight": 1}, 422, "weight"),
        ([EXAMPLE] * 17, 413, "16"),
        ([], 400, "features"),
        (None, 400, "features"),
    ],
)
def test_what_does_not_fit_is_refused(
    expert: Person, registered: Registered, features: object, status: int, named: str
) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(PATH, json={"features": features})
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text


def test_an_algorithm_that_does_not_tell_is_a_conflict(
    expert: Person, registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered("bugs", "multiclass")
    monkeypatch.setattr(GradientBoosting, "contributions", lambda self, X: None)
    answer = expert.post(PATH, json={"features": EXAMPLE})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "conflict")


def test_nobody_asks_without_a_credential(http: FlaskClient, registered: Registered) -> None:
    registered("bugs", "multiclass")
    assert http.post(PATH, json={"features": EXAMPLE}).status_code == 401


def test_it_counts_as_a_prediction(registered: Registered, subscribed: Callable[..., Subscribed]) -> None:
    registered("bugs", "multiclass")
    billing = subscribed("billing", models=["bugs"], daily_quota=2)
    asked = [
        billing.call("POST", address, json={"features": EXAMPLE}).status_code
        for address in (PATH, "/v1/models/bugs/predict", PATH)
    ]
    assert asked == [200, 200, 429]
    shut_out = subscribed("shipping", models=["other"])
    assert shut_out.call("POST", PATH, json={"features": EXAMPLE}).status_code == 403
