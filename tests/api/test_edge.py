"""What holds for every request: shapes of errors, headers, ids, limits."""

import io

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person


def test_an_unknown_address_is_a_problem_document(http: FlaskClient) -> None:
    answer = http.get("/nothing/here")
    problem = answer.get_json()
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert problem["error"] == problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["instance"] == "/nothing/here"


def test_a_request_id_is_taken_over_only_where_it_is_harmless(http: FlaskClient) -> None:
    assert http.get("/health/live", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert http.get("/health/live", headers={"X-Request-Id": "a b<script>"}).headers["X-Request-Id"] != "a b<script>"


def test_the_wrong_method_names_the_right_ones(http: FlaskClient) -> None:
    answer = http.delete("/login")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


def test_security_headers_are_on_every_answer(http: FlaskClient) -> None:
    for path in ("/health/live", "/nothing", "/docs"):
        headers = http.get(path, base_url="https://localhost").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"]
        assert headers["Cache-Control"] == "no-store"


def test_there_is_no_redirect_from_plain_http(http: FlaskClient) -> None:
    assert http.get("/health/live", base_url="http://localhost").status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status", "named"),
    [
        (b"not json", "application/json", 400, "JSON"),
        (b'{"username": "a", "username": "b", "password": "c"}', "application/json", 400, "username"),
        (b'{"username": NaN, "password": "c"}', "application/json", 400, "NaN"),
        (b"[" * 50_000, "application/json", 400, "nest"),
        (b"[]", "application/json", 422, "body"),
        (b'{"username": 1, "password": "c"}', "application/json", 422, "username"),
        (b'{"username": "a"}', "application/json", 422, "password"),
        (b"username=a&password=b", "application/x-www-form-urlencoded", 415, "application/json"),
        (b"", "application/json", 400, "JSON"),
    ],
)
def test_a_bad_body_is_refused_by_name(
    http: FlaskClient, body: bytes, content_type: str, status: int, named: str
) -> None:
    answer = http.post("/login", data=body, content_type=content_type)
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text


def test_a_body_over_the_limit_is_413(http: FlaskClient) -> None:
    answer = http.post("/login", data=b" " * (17 * 1024 * 1024), content_type="application/json")
    assert (answer.status_code, "16 MB" in answer.get_json()["detail"]) == (413, True)


def test_a_password_is_never_echoed(http: FlaskClient) -> None:
    answer = http.post("/login", json={"username": "x", "password": "hunter2hunter2", "extra": "hunter2hunter2"})
    assert "hunter2hunter2" not in answer.text


def test_a_fault_of_ours_tells_nothing_but_a_request_id(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: str) -> None:
        raise RuntimeError("/secret/path and a password")

    monkeypatch.setitem(app.view_functions, "read_live", broken)
    answer = app.test_client().get("/health/live")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert answer.get_json()["request_id"] == answer.headers["X-Request-Id"]


def test_everything_but_the_public_list_needs_a_credential(http: FlaskClient, app: Flask) -> None:
    far = {"REMOTE_ADDR": "203.0.113.9"}
    for endpoint in app.extensions["signet.endpoints"]:
        answer = http.open(
            endpoint.path.replace("{", "").replace("}", ""), method=endpoint.method, environ_overrides=far
        )
        assert (answer.status_code == 401) == (endpoint.access.name != "PUBLIC" or endpoint.name == "refresh"), endpoint


def test_the_api_is_described_for_people_and_programs(http: FlaskClient, expert: Person) -> None:
    assert http.get("/openapi.json").get_json()["paths"]["/login"]["post"]["security"] == []
    page = http.get("/docs").text
    assert "/v1/me" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/v1/jobs?limit=1&limit=2", 400, "'limit' is given twice"),
        ("/v1/jobs?model=%00", 422, "'model' holds the character U+0000"),
        ("/v1/jobs?offset=10000000000000000001", 422, "offset"),
        ("/v1/jobs/%00", 404, "nothing at this address"),
        ("/v1/audit?before=10000000000000000001", 422, "before"),
        ("/v1/audit?since=0.5", 422, "since"),
        ("/v1/audit?since=2026-01-31T12:00:00", 422, "since"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(admin: Person, path: str, status: int, named: str) -> None:
    answer = admin.get(path)
    assert (answer.status_code, named in answer.get_json()["detail"]) == (status, True), answer.text


def test_a_moment_is_taken_as_it_is_written(admin: Person) -> None:
    for moment in ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5%2B05:00"):
        assert admin.get(f"/v1/audit?since={moment}").status_code == 200


def test_a_dataset_has_a_name_that_every_database_keeps(expert: Person) -> None:
    answer = expert.post("/v1/datasets", data={"name": "a\0b", "file": (io.BytesIO(b"a\n1\n"), "a.csv")})
    assert (answer.status_code, "control characters" in answer.get_json()["detail"]) == (422, True)


def test_the_document_says_with_which_statuses_an_endpoint_refuses(http: FlaskClient) -> None:
    paths = http.get("/openapi.json").get_json()["paths"]
    assert list(paths["/health/live"]["get"]["responses"]) == ["200", "400", "5XX"]
    assert list(paths["/v1/users"]["post"]["responses"]) == [
        "201", "400", "401", "403", "408", "409", "413", "415", "422", "5XX",
    ]  # fmt: skip
    assert list(paths["/v2/models/{model}/infer"]["post"]["responses"]) == [
        "200", "400", "401", "403", "404", "408", "413", "415", "429", "5XX",
    ]  # fmt: skip
