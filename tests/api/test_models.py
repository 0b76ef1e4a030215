"""What is registered, and what a model says of itself."""

from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from backend.algorithms.signature import Task
from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import COLUMNS, EXAMPLE


def test_models_are_listed_with_versions_and_aliases(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    registered("bugs", "multiclass", version=2, alias=None)
    (model,) = expert.get("/v1/models").get_json()["items"]
    assert (model["name"], model["aliases"]) == ("bugs", {"champion": "1"})
    assert [(v["version"], v["aliases"]) for v in model["versions"]] == [("2", []), ("1", ["champion"])]
    assert expert.get("/v1/models/bugs").get_json() == model
    version = expert.get("/v1/models/bugs/versions/1").get_json()
    assert len(version["digest"]) == 64
    assert version["signature"]["classes"] == ["ant", "bee", "cat"]


def test_what_is_not_there_is_404(expert: Person) -> None:
    for path in ("/v1/models/x", "/v1/models/x/versions/1", "/v1/models/x/versions/../1"):
        assert expert.get(path).status_code == 404


def test_the_schema_of_a_row_takes_the_example_and_refuses_others(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    schema = Draft202012Validator(expert.get("/v1/models/bugs/schema").get_json())
    assert schema.is_valid(EXAMPLE)
    assert not schema.is_valid(EXAMPLE | {"size": "big"})
    assert not schema.is_valid(EXAMPLE | {"size": None})


def test_the_schema_of_another_version_can_be_asked_for(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    registered("bugs", "regression", version=2, alias="challenger")
    assert expert.get("/v1/models/bugs/schema?version=2").status_code == 200
    champion, challenger = (
        expert.get(f"/v1/models/bugs/openapi.json?alias={alias}").get_json()["info"]["version"]
        for alias in ("champion", "challenger")
    )
    assert (champion, challenger) == ("1", "2")


def test_a_model_has_a_valid_document_of_its_own(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    document = expert.get("/v1/models/bugs/openapi.json").get_json()
    validate(document)
    assert "colour" in document["components"]["schemas"]["Row"]["properties"]


@pytest.mark.parametrize(
    ("task", "classes"),
    [("multiclass", ("ant", "bee", "cat")), ("multiclass", (3, 1, 2)), ("binary", (False, True)), ("regression", ())],
    ids=["texts", "whole numbers", "truth values", "numbers"],
)
def test_real_questions_and_answers_are_as_the_models_document_says(
    task: Task, classes: tuple[Any, ...], expert: Person, registered: Registered
) -> None:
    registered("bugs", task, classes=classes)
    document = expert.get("/v1/models/bugs/openapi.json").get_json()
    operation = document["paths"]["/v1/models/bugs/predict"]["post"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {"version", "alias"}
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    told = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for features in (EXAMPLE, list(EXAMPLE.values()), [EXAMPLE] * 2, [list(EXAMPLE.values())] * 20):
        body = {"features": features}
        assert Draft202012Validator(asked | {"components": document["components"]}).is_valid(body)
        answer = expert.post("/v1/models/bugs/predict", json=body)
        assert answer.status_code == 200
        assert list(Draft202012Validator(told).iter_errors(answer.get_json())) == []
    assert not Draft202012Validator(told).is_valid({**answer.get_json(), "predictions": ["dog"]})


def test_a_model_that_refuses_unknown_categories_says_so_and_does_so(expert: Person, registered: Registered) -> None:
    columns = tuple(replace(column, unknown="refuse") if column.categories else column for column in COLUMNS)
    registered("bugs", "multiclass", columns=columns)
    schema = expert.get("/v1/models/bugs/schema").get_json()
    assert schema["properties"]["colour"]["enum"] == ["blue", "green", "red", None]
    refused = expert.post("/v1/models/bugs/predict", json={"features": EXAMPLE | {"colour": "mauve"}})
    assert refused.status_code == 422
    assert "'colour' is none of the categories that training saw" in refused.get_json()["detail"]
    assert "mauve" not in refused.text
    signature = expert.get("/v1/models/bugs/versions/1").get_json()["signature"]
    assert {c["name"]: c.get("unknown") for c in signature["columns"]}["colour"] == "refuse"


def test_a_version_says_in_which_form_it_is_served(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    compiled = expert.get("/v1/models/bugs/versions/1").get_json()["compiled"]
    assert compiled["form"] == "compiled forest"
    assert compiled["max_difference"] < 1e-6
    assert set(compiled["speedup"]) == {"1", "1000"}


def test_how_each_alias_stands_is_told_to_people(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    expert.post("/v1/models/bugs/predict", json={"features": EXAMPLE})
    served = {"model": "bugs", "alias": "champion", "named": "1", "served": "1", "problem": None}
    (model,) = expert.get("/v1/models").get_json()["items"]
    assert model["serving"] == {"champion": {key: served[key] for key in ("named", "served", "problem")}}
    assert expert.get("/v1/models/bugs").get_json()["serving"] == model["serving"]


def test_only_scientists_promote(expert: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    assert expert.put("/v1/models/bugs/aliases/champion", json={"version": "1"}).status_code == 403


def test_promotion_is_refused_by_name_where_it_cannot_be(scientist: Person, registered: Registered) -> None:
    registered("bugs", "multiclass")
    path = "/v1/models/bugs/aliases"
    assert scientist.put(f"{path}/champion", json={"version": "9"}).status_code == 404
    assert scientist.put(f"{path}/latest", json={"version": "1"}).status_code == 422
    assert scientist.put(f"{path}/champion", json={"version": 1}).status_code == 422
    # MLflow keeps the aliases, and there is none here.
    assert scientist.put(f"{path}/champion", json={"version": "1"}).status_code == 503
