"""Training jobs over HTTP: accepted or refused by name, listed, cancelled."""

import io

import pytest

from backend.database import db
from backend.training.tables import Job
from tests.conftest import Person

CSV = b"colour,size,kind\n" + b"".join(
    b"%s,%d,%s\n" % ((b"red", b"blue")[i % 2], i, (b"a", b"b")[i % 3 == 0]) for i in range(40)
)


@pytest.fixture
def dataset_id(expert: Person) -> str:
    answer = expert.post("/v1/datasets", data={"file": (io.BytesIO(CSV), "things.csv")})
    return str(answer.get_json()["id"])


def test_a_job_is_kept_listed_and_cancelled(expert: Person, dataset_id: str) -> None:
    wish = {"dataset_id": dataset_id, "target": "kind", "model": "things"}
    made = expert.post("/v1/jobs", json=wish)
    job = made.get_json()
    assert (made.status_code, job["state"], job["algorithm"], job["created_by"]) == (202, "queued", "xgboost", "expert")
    assert expert.get(f"/v1/jobs/{job['id']}").get_json() == job
    assert [item["id"] for item in expert.get("/v1/jobs?model=things").get_json()["items"]] == [job["id"]]
    assert expert.get("/v1/jobs?model=other").get_json()["items"] == []
    assert expert.get(f"/v1/jobs/{job['id']}/plots").get_json() == {"plots": []}
    assert expert.post(f"/v1/jobs/{job['id']}/cancel").get_json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"target": "nothing"}, 422, "target"),
        ({"model": "Bad Name"}, 422, "model"),
        ({"model": "../x"}, 422, "model"),
        ({"columns": ["nothing"]}, 422, "nothing"),
        ({"columns": ["kind"]}, 422, "target"),
        ({"algorithm": "magic"}, 404, "magic"),
        ({"task": "guessing"}, 422, "task"),
        ({"hyperparameters": {"max_depth": "deep"}}, 422, "max_depth"),
        ({"hyperparameters": {"nothing": 1}}, 422, "nothing"),
        ({"seed": -1}, 422, "seed"),
        ({"dataset_id": "nothing"}, 404, "dataset"),
    ],
)
def test_a_bad_wish_is_refused_by_name(
    expert: Person, dataset_id: str, change: dict[str, object], status: int, named: str
) -> None:
    wish = {"dataset_id": dataset_id, "target": "kind", "model": "things"}
    answer = expert.post("/v1/jobs", json=wish | change)
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text


def test_algorithms_are_listed_with_their_hyperparameters(expert: Person) -> None:
    listed = {item["name"]: item for item in expert.get("/v1/algorithms").get_json()["items"]}
    assert {"xgboost", "linear"} <= set(listed)
    assert listed["xgboost"]["hyperparameters"]["properties"]["max_depth"]["default"] == 6


def test_an_unknown_job_is_404(expert: Person) -> None:
    assert expert.get("/v1/jobs/nothing").status_code == 404
    assert expert.post("/v1/jobs/nothing/cancel").status_code == 404


def test_a_manager_trains_nothing(manager: Person) -> None:
    assert manager.get("/v1/jobs").status_code == 403
    assert manager.post("/v1/jobs", json={}).status_code == 403


def test_a_job_knows_the_request_that_asked_for_it(expert: Person, dataset_id: str) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    wish = {"dataset_id": dataset_id, "target": "kind", "model": "things"}
    made = expert.post("/v1/jobs", json=wish, headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    known = db.session.get_one(Job, made.get_json()["id"]).trace_parent
    assert known is not None
    assert known.startswith(f"00-{trace_id}-")
    assert "00f067aa0ba902b7" not in known  # under this request's own span
