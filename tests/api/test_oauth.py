"""Tokens for subscribers: asked for as RFC 6749 says, refused in its words, and what others must know of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select
from werkzeug.test import TestResponse

from backend.api import oauth
from backend.audit.tables import AuditEvent
from backend.database import db
from backend.listener.wsgi import CLIENT_CERTIFICATE
from backend.settings import Settings
from tests.api.conftest import Subscribed
from tests.conftest import Person

FORM = "application/x-www-form-urlencoded"
Admit = Callable[..., Subscribed]


@pytest.fixture
def billing(subscribed: Admit) -> Subscribed:
    return subscribed("billing", models=["iris"])


def _send(billing: Subscribed, body: str | bytes, *, kind: str = FORM, **headers: str) -> TestResponse:
    presented = {CLIENT_CERTIFICATE: billing.der}
    return billing.http.post("/oauth/token", data=body, content_type=kind, headers=headers, environ_overrides=presented)


def _is_refusal(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.get_json()["error"]) == (status, code), answer.text
    assert answer.content_type == "application/json"
    assert set(answer.get_json()) == {"error", "error_description"}
    # RFC 6749, 5.2: printable ASCII without quotation mark and backslash
    assert all(" " <= letter <= "~" and letter not in '"\\' for letter in answer.get_json()["error_description"])
    _is_not_kept(answer)


def _is_not_kept(answer: TestResponse) -> None:
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")


def test_a_token_is_issued_and_that_is_noted(billing: Subscribed) -> None:
    answer = billing.ask_token()
    assert answer.status_code == 200
    assert set(answer.get_json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer.get_json()["token_type"], answer.get_json()["expires_in"]) == ("Bearer", 300)
    assert answer.get_json()["scope"] == "predict"
    _is_not_kept(answer)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "token.issued")).one()
    assert (event.actor, event.target, event.outcome) == (
        f"subscriber:{billing.id}",
        f"subscriber:{billing.id}",
        "done",
    )
    assert answer.get_json()["access_token"] not in event.details


def test_whoever_reads_the_published_keys_can_verify_a_token(http: FlaskClient, billing: Subscribed) -> None:
    metadata = http.get("/.well-known/oauth-authorization-server").get_json()
    answer = http.get(metadata["jwks_uri"].removeprefix(metadata["issuer"]))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=3600")
    keys = answer.get_json()["keys"]
    assert all("d" not in key for key in keys)
    read = jwt.decode(billing.token(), KeySet.import_key_set({"keys": keys}), algorithms=["ES256"])
    assert read.claims["iss"] == metadata["issuer"]


def test_the_metadata_is_that_of_rfc_8414_and_follows_settings_alone(http: FlaskClient, settings: Settings) -> None:
    """Case 50: the address comes from the settings, whatever host a request names."""
    answer = http.get("/.well-known/oauth-authorization-server", headers={"Host": "evil.example"})
    metadata = answer.get_json()
    issuer = f"https://localhost:{settings.port}"
    assert metadata["issuer"] == issuer
    assert metadata["token_endpoint"] == f"{issuer}/oauth/token"
    assert metadata["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["tls_client_auth"]
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert metadata["response_types_supported"] == []
    assert "evil" not in answer.text


def test_the_issuer_can_be_set() -> None:
    assert Settings(api_url="https://models.example.org").issuer == "https://models.example.org"
    assert Settings(hostnames="models.example.org, other", port=9443).issuer == "https://models.example.org:9443"
    for wrong in ("http://models.example.org", "https://models.example.org/", "models.example.org"):
        with pytest.raises(ValueError, match="api_url"):
            Settings(api_url=wrong)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_secret": "x"}, "invalid_request"),
        ({"client_assertion": "x"}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"scope": "predict:wine"}, "invalid_scope"),
        ({"scope": "predict:iris predict:wine"}, "invalid_scope"),
        ({"scope": 'admin "\\\u00e9'}, "invalid_scope"),
    ],
)
def test_a_request_that_is_wrong_is_told_so_in_the_words_of_rfc_6749(
    billing: Subscribed, change: dict[str, str], code: str
) -> None:
    _is_refusal(billing.ask_token(**change), 400, code)


@pytest.mark.parametrize(
    "body",
    [
        "grant_type=client_credentials&grant_type=client_credentials&client_id={id}",
        "grant_type=client_credentials&client_id={id}&client_id={id}",
        "grant_type=client_credentials&client_id={id}&scope=predict&scope=",
        "grant_type=%ff&client_id={id}",
        "",
        "&" * 30 + "a=1&" * 30,
    ],
)
def test_a_form_that_cannot_be_understood_is_an_invalid_request(billing: Subscribed, body: str) -> None:
    _is_refusal(_send(billing, body.format(id=billing.id)), 400, "invalid_request")


def test_bytes_that_are_no_text_are_an_invalid_request(billing: Subscribed) -> None:
    _is_refusal(_send(billing, b"grant_type=\xff"), 400, "invalid_request")


def test_a_body_that_is_no_form_is_an_invalid_request(billing: Subscribed) -> None:
    body = {"grant_type": "client_credentials", "client_id": billing.id}
    _is_refusal(_send(billing, json.dumps(body), kind="application/json"), 400, "invalid_request")


def test_a_body_that_is_too_large_is_an_invalid_request(billing: Subscribed) -> None:
    _is_refusal(_send(billing, b"a=" + b"x" * (17 * 1024 * 1024)), 400, "invalid_request")


def test_a_second_proof_of_who_the_client_is_is_an_invalid_request(billing: Subscribed) -> None:
    form = f"grant_type=client_credentials&client_id={billing.id}"
    _is_refusal(_send(billing, form, Authorization="Basic YTpi"), 400, "invalid_request")


def test_parameters_that_are_not_known_change_nothing(billing: Subscribed) -> None:
    assert billing.ask_token(resource="https://elsewhere.example", a="b").status_code == 200


def test_without_a_certificate_there_is_no_client(http: FlaskClient, billing: Subscribed, expert: Person) -> None:
    form = {"grant_type": "client_credentials", "client_id": billing.id}
    answers = [http.post("/oauth/token", data=form), expert.post("/oauth/token", data=form)]
    for answer in answers:
        _is_refusal(answer, 401, "invalid_client")
        assert "WWW-Authenticate" in answer.headers


def test_another_subscribers_id_is_not_the_clients(billing: Subscribed, subscribed: Admit) -> None:
    other = subscribed("other", models=["*"])
    for name in (other.id, "nobody", billing.id.upper()):
        _is_refusal(billing.ask_token(client_id=name), 401, "invalid_client")


def test_a_revoked_certificate_gets_none(billing: Subscribed, manager: Person) -> None:
    manager.post(f"/v1/certificates/{billing.issued.serial_number}/revoke", json={})
    _is_refusal(billing.ask_token(), 401, "invalid_client")


def test_a_suspended_subscriber_gets_none(billing: Subscribed, manager: Person) -> None:
    manager.patch(f"/v1/subscribers/{billing.id}", json={"state": "suspended"})
    _is_refusal(billing.ask_token(), 400, "unauthorized_client")


def test_a_flood_of_tokens_is_stopped(billing: Subscribed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "_MOST_TOKENS_A_MINUTE", 3)
    answers = [billing.ask_token() for _ in range(7)]  # the minute may end while they are asked for
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    for answer in refused:
        _is_refusal(answer, 429, "temporarily_unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_fault_of_ours_has_the_same_shape(billing: Subscribed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(oauth, "issue_bound_token", fail)
    answer = billing.ask_token()
    _is_refusal(answer, 500, "server_error")
    assert "secret" not in answer.text


def test_other_addresses_keep_their_own_shape(app: Flask, http: FlaskClient) -> None:
    assert http.get("/oauth/token").content_type == "application/problem+json"
    assert http.get("/v1/models").content_type == "application/problem+json"
