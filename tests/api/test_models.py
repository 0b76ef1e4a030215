"""What is registered, and what a model says of itself."""

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import EXAMPLE


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
