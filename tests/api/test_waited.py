"""A prediction that waited for too long in line is refused in the words of its protocol, whichever way it takes."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from backend.app import with_express
from backend.listener.wsgi import PROXIED, WAITED
from tests.api.conftest import Registered
from tests.conftest import Person
from tests.trained import EXAMPLE

ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "/v1/models/bugs/predict": ({"features": EXAMPLE}, "detail"),
    "/v2/models/bugs/infer": ({"inputs": []}, "error"),
    "/endpoints/bugs/invocations": ({"dataframe_records": [EXAMPLE]}, "message"),
}


@pytest.mark.parametrize("path", ASKED)
def test_a_prediction_that_waited_for_too_long(
    http: FlaskClient, registered: Registered, expert: Person, path: str
) -> None:
    registered("bugs", "multiclass")
    body, key = ASKED[path]
    late, in_time = ({"environ_overrides": {WAITED: seconds}} for seconds in (31.0, 29.0))
    refused = http.post(path, json=body, headers=expert.headers, **late)
    assert (refused.status_code, refused.get_json()[key][:18]) == (503, "The server is busy")
    assert http.post(path, json=body, headers=expert.headers, **in_time).status_code != 503


def test_other_requests_are_not_refused(http: FlaskClient, expert: Person) -> None:
    assert http.get("/v1/me", headers=expert.headers, environ_overrides={WAITED: 1000.0}).status_code == 200


def test_beside_flask_it_is_left_to_flask(app: Flask, registered: Registered) -> None:
    registered("bugs", "multiclass")
    head = {
        "PATH_INFO": "/v1/models/bugs/predict", "QUERY_STRING": "", "wsgi.url_scheme": "https", PROXIED: False,
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "10",
    }  # fmt: skip
    express = with_express(app).express
    assert express.look({**head, WAITED: 29.0}) is not None
    assert express.look({**head, WAITED: 31.0}) is None
