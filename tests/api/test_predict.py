"""Predictions over HTTP: one and many, in order and by name, and everything that is refused."""

import json

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE

IN_ORDER = [EXAMPLE[column.name] for column in COLUMNS]
PATH = "/v1/models/bugs/predict"


def _features(person: Person, features: object, path: str = PATH) -> dict[str, object]:
    answer = person.post(path, json={"features": features})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_one_row_by_name_and_in_order_is_the_same_prediction(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    named, ordered = _features(expert, EXAMPLE), _features(expert, IN_ORDER)
    assert set(named) == {"prediction", "probabilities", "model", "version", "prediction_id"}
    assert (named["model"], named["version"]) == ("bugs", "1")
    assert set(named["probabilities"]) == {"ant", "bee", "cat"}
    assert sum(named["probabilities"].values()) == pytest.approx(1)
    assert named["prediction"] == max(named["probabilities"], key=named["probabilities"].get)
    assert named.pop("prediction_id") != ordered.pop("prediction_id")
    assert named == ordered


def test_many_rows_keep_their_order_and_their_answers(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    rows = [EXAMPLE | {"size": size} for size in (0.5, 5.0, 9.5)]
    many = _features(expert, rows)
    alone = [_features(expert, row) for row in rows]
    assert many["predictions"] == [answer["prediction"] for answer in alone]
    assert many["probabilities"] == [answer["probabilities"] for answer in alone]
    assert len(set(many["predictions"])) > 1


def test_a_regression_is_a_number_without_probabilities(expert: Person, registered: Registered) -> None:
    registered("bugs", "regression")
    answer = _features(expert, EXAMPLE)
    assert isinstance(answer["prediction"], float)
    assert "probabilities" not in answer


def test_a_boolean_class_stays_a_boolean(expert: Person, registered: Registered) -> None:
    registered("bugs", "binary")
    answer = _features(expert, EXAMPLE)
    assert isinstance(answer["prediction"], bool)
    assert set(answer["probabilities"]) == {"false", "true"}


def test_the_default_model_answers_without_a_name(expert: Person, registered: Registered) -> None:
    registered("iris", "multiclass")
    assert _features(expert, EXAMPLE, "/predict")["model"] == "iris"


def test_a_version_or_an_alias_can_be_named(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    registered("bugs", "multiclass", version=2, alias="challenger")
    assert _features(expert, EXAMPLE)["version"] == "1"
    assert _features(expert, EXAMPLE, f"{PATH}?version=2")["version"] == "2"
    assert _features(expert, EXAMPLE, f"{PATH}?alias=challenger")["version"] == "2"
    assert expert.post(f"{PATH}?version=9", json={"features": EXAMPLE}).status_code == 404
    assert expert.post(f"{PATH}?version=x", json={"features": EXAMPLE}).status_code == 422


@pytest.mark.parametrize(
    ("features", "status", "named"),
    [
        (EXAMPLE | {"size": "big"}, 422, "size"),
        (EXAMPLE | {"count": 1.7}, 422, "count"),
        (EXAMPLE | {"count": True}, 422, "count"),
        (EXAMPLE | {"open": 1}, 422, "open"),
        (EXAMPLE | {"size": None}, 422, "size"),
        (EXAMPLE | {"colour": 3}, 422, "colour"),
        (EXAMPLE | {"weight": 3}, 422, "weight"),
        ({k: v for k, v in EXAMPLE.items() if k != "size"}, 422, "size"),
        (IN_ORDER[:-1], 422, "5"),
        ([IN_ORDER, IN_ORDER[:-1]], 422, "5"),
        ([EXAMPLE, IN_ORDER], 400, "features"),
        ([], 400, "features"),
        ("text", 400, "features"),
        (None, 400, "features"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    expert: Person, registered: Registered, features: object, status: int, named: str
) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(PATH, json={"features": features})
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text


def test_every_problem_of_a_row_is_listed(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    rows = [EXAMPLE, EXAMPLE | {"size": "big", "count": 1.5}]
    problems = expert.post(PATH, json={"features": rows}).get_json()["problems"]
    assert [(p["row"], p["field"]) for p in problems] == [(1, "size"), (1, "count")]


def test_missing_values_and_unknown_categories_are_answered(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    missing = _features(expert, EXAMPLE | {"colour": None})
    unknown = _features(expert, EXAMPLE | {"colour": "never seen"})
    assert missing["probabilities"] == unknown["probabilities"]
    body = json.dumps({"features": EXAMPLE}).replace("null", "NaN")
    assert expert.post(PATH, data=body, content_type="application/json").status_code == 200


def test_no_features_is_the_original_contracts_error(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    answer = expert.post(PATH, json={})
    assert (answer.status_code, answer.get_json()["error"]) == (400, "Missing 'features' in request")


def test_another_media_type_is_415(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    assert expert.post(PATH, data=b"1,2,3", content_type="text/csv").status_code == 415


def test_nobody_predicts_without_a_credential(http: FlaskClient, registered: Registered) -> None:
    registered("bugs", "multiclass")
    assert http.post(PATH, json={"features": EXAMPLE}).status_code == 401


def test_an_unknown_model_is_404_or_says_that_mlflow_is_away(expert: Person) -> None:
    assert expert.post("/v1/models/nothing/predict", json={"features": [1]}).status_code in {404, 503}
