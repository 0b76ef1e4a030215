"""Who calls, by which credential, and that what is taken away is gone at once."""

import base64
import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text, update

from backend.api.gate import FRESH_SECONDS, Gate
from backend.audit.tables import AuditEvent
from backend.database import db, now
from backend.identity import chains
from backend.identity.certificates import fingerprint_of
from backend.identity.subscriber_tables import Certificate, Subscriber
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from backend.pki.authority import Authority
from backend.settings import Settings
from tests.api.conftest import LET_IN, Registered, Subscribed
from tests.certifying import der_of, signing_request
from tests.conftest import Person
from tests.server.conftest import eventually

Admit = Callable[..., Subscribed]


@pytest.fixture
def billing(subscribed: Admit) -> Subscribed:
    """It may use one model."""
    return subscribed("billing", models=["iris"])


@pytest.fixture
def shipping(subscribed: Admit) -> Subscribed:
    """It may use every model."""
    return subscribed("shipping", models=["*"])


def _refusals() -> list[AuditEvent]:
    with db.engine.connect() as connection:
        events = AuditEvent.__table__
        return list(connection.execute(select(events).where(events.c.event == "request.refused")))  # type: ignore[arg-type]


class TestCertificate:
    def test_it_opens_the_models_that_its_row_names_and_no_other(
        self, billing: Subscribed, shipping: Subscribed
    ) -> None:
        assert [billing.predict(model).status_code for model in ("iris", "wine")] == [LET_IN, 403]
        assert [shipping.predict(model).status_code for model in ("iris", "wine")] == [LET_IN, LET_IN]

    def test_it_predicts_with_the_default_model_where_that_is_its_own(
        self, subscribed: Admit, billing: Subscribed
    ) -> None:
        other = subscribed("other", models=["wine"])
        body = {"json": {"features": []}}
        assert [who.call("POST", "/predict", **body).status_code for who in (billing, other)] == [LET_IN, 403]

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/v1/models/iris"), ("GET", "/v1/models/iris/versions/1"), ("PUT", "/v1/models/iris/aliases/champion"),
            ("GET", "/v1/datasets"), ("GET", "/v1/jobs"), ("GET", "/v1/users"), ("GET", "/v1/me"), ("GET", "/v1/roles"),
            ("GET", "/v1/subscribers"), ("GET", "/v1/certificates"), ("POST", "/logout"), ("GET", "/v1/audit"),
        ],
    )  # fmt: skip
    def test_it_opens_nothing_that_is_for_people(self, billing: Subscribed, method: str, path: str) -> None:
        assert billing.call(method, path).status_code == 403
        assert billing.call(method, path, token=billing.token()).status_code == 401

    def test_what_a_model_takes_is_told_to_who_may_use_it(
        self, registered: Registered, billing: Subscribed, subscribed: Admit
    ) -> None:
        registered("iris", "multiclass")
        other = subscribed("other", models=["wine"])
        for path in ("/v1/models/iris/schema", "/v1/models/iris/openapi.json"):
            assert [who.call("GET", path).status_code for who in (billing, other)] == [200, 403]

    def test_the_list_of_models_is_its_own_and_says_nothing_of_who_made_them(
        self, registered: Registered, billing: Subscribed, shipping: Subscribed, expert: Person
    ) -> None:
        for model in ("iris", "wine"):
            registered(model, "multiclass")
        listed = {who: who.call("GET", "/v1/models").get_json()["items"] for who in (billing, shipping)}
        assert [[model["name"] for model in models] for models in listed.values()] == [["iris"], ["iris", "wine"]]
        (version,) = listed[billing][0]["versions"]
        inside = ("dataset_id", "job_id", "run_id", "run_url", "created_by")
        assert {version[name] for name in inside} == {None}
        assert version["signature"]
        (seen_by_people,) = expert.get("/v1/models").get_json()["items"][0]["versions"]
        assert None not in {seen_by_people[name] for name in inside}
        assert {name: seen_by_people[name] for name in version if name not in inside} == {
            name: version[name] for name in version if name not in inside
        }

    def test_a_prediction_is_answered(self, registered: Registered, billing: Subscribed) -> None:
        row = registered("iris", "multiclass").signature["example"]
        answer = billing.call("POST", "/v1/models/iris/predict", json={"features": row})
        assert (answer.status_code, answer.get_json()["model"]) == (200, "iris")

    def test_one_that_is_not_in_our_table_is_refused(self, http: FlaskClient, billing: Subscribed) -> None:
        """Case 24: a valid chain without a row, as after a backup was restored."""
        billing.der += b"\0"
        answer = billing.predict("iris")
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-certificate")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    def test_without_any_credential_one_is_asked_for(self, http: FlaskClient) -> None:
        answer = http.get("/v1/models")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="signet"')

    def test_a_token_that_is_not_good_is_not_made_up_for_by_a_certificate(self, billing: Subscribed) -> None:
        assert billing.predict("iris", token="garbage").status_code == 401
        basic = {"Authorization": "Basic YWRtaW46YWRtaW4="}
        presented = {CLIENT_CERTIFICATE: billing.der}
        assert billing.http.get("/v1/models", headers=basic, environ_overrides=presented).status_code == 401

    def test_a_persons_token_counts_also_where_a_certificate_is_presented(
        self, billing: Subscribed, expert: Person
    ) -> None:
        assert billing.call("GET", "/v1/me", token=expert.tokens["access_token"]).get_json()["username"] == "expert"

    def test_renewal_asks_for_a_certificate_and_not_for_a_token(self, billing: Subscribed, expert: Person) -> None:
        """Case 11, the reverse."""
        body = {"csr": signing_request().decode()}
        assert expert.post("/v1/certificates/renew", json=body).status_code == 401
        assert billing.call("POST", "/v1/certificates/renew", json=body).status_code == 403  # known, but too early


class TestTakenAway:
    """In this process at once, in others within the quarter of a second for which they remember."""

    def test_a_revoked_certificate_is_refused_on_the_next_request(self, billing: Subscribed, manager: Person) -> None:
        assert billing.predict("iris").status_code == LET_IN
        path = f"/v1/certificates/{billing.issued.serial_number}/revoke"
        assert manager.post(path, json={"reason": "keyCompromise"}).status_code == 200
        assert billing.predict("iris").status_code == 401

    def test_suspension_holds_on_the_next_request_and_so_does_its_end(
        self, billing: Subscribed, manager: Person
    ) -> None:
        """Case 15, and the same for the bare certificate."""
        token = billing.token()
        assert billing.predict("iris", token=token).status_code == LET_IN
        manager.patch(f"/v1/subscribers/{billing.id}", json={"state": "suspended"})
        assert [billing.predict("iris", token=which).status_code for which in (token, None)] == [403, 403]
        manager.patch(f"/v1/subscribers/{billing.id}", json={"state": "active"})
        assert billing.predict("iris", token=token).status_code == LET_IN

    def test_a_model_that_was_taken_away_is_refused_on_the_next_request(
        self, billing: Subscribed, manager: Person
    ) -> None:
        """Case 16: the scope of a token does not hold against the row."""
        token = billing.token(scope="predict:iris")
        assert billing.predict("iris", token=token).status_code == LET_IN
        manager.patch(f"/v1/subscribers/{billing.id}", json={"models": ["wine"]})
        assert [billing.predict("iris", token=which).status_code for which in (token, None)] == [403, 403]
        assert [billing.predict("wine", token=which).status_code for which in (token, None)] == [403, LET_IN]

    def test_a_subscriber_that_was_removed_is_refused_on_the_next_request(
        self, billing: Subscribed, manager: Person
    ) -> None:
        assert billing.predict("iris").status_code == LET_IN
        assert manager.delete(f"/v1/subscribers/{billing.id}").status_code == 204
        assert billing.predict("iris").status_code == 401

    def test_a_certificate_that_ends_while_it_is_remembered_is_refused(self, billing: Subscribed) -> None:
        """Case 19, as far as the app is concerned."""
        ends_at = now()

        def is_let_in_just_before_its_end() -> bool:
            nonlocal ends_at
            ends_at = now() + timedelta(seconds=FRESH_SECONDS / 2)
            db.session.execute(update(Certificate).values(not_after=ends_at))
            db.session.commit()
            return billing.predict("iris").status_code == LET_IN

        eventually(is_let_in_just_before_its_end)  # a busy machine may take longer than the certificate lasts
        eventually(lambda: now() >= ends_at)
        assert billing.predict("iris").status_code == 401

    def test_what_another_process_takes_away_is_gone_within_the_second(self, app: Flask, billing: Subscribed) -> None:
        assert billing.predict("iris").status_code == LET_IN
        begun = time.monotonic()
        _elsewhere(app, "UPDATE subscribers SET state = 'suspended'")
        eventually(lambda: billing.predict("iris").status_code == 403, seconds=1)
        assert time.monotonic() - begun < 1

    def test_what_is_being_verified_while_something_changes_is_not_remembered(
        self, app: Flask, billing: Subscribed
    ) -> None:
        gate: Gate = app.extensions["signet.gate"]
        read, changed = threading.Event(), threading.Event()

        def slow() -> Any:
            read.set()
            assert changed.wait(10)
            return Proved()

        thread = threading.Thread(target=lambda: gate.subscribers.recall("x", slow))
        thread.start()
        assert read.wait(10)
        subscriber = db.session.get_one(Subscriber, billing.id)
        subscriber.state = "suspended"
        db.session.commit()
        changed.set()
        thread.join()
        proved = Proved()
        assert gate.subscribers.recall("x", lambda: proved) is proved  # type: ignore[arg-type,return-value]


class Proved:
    ends_at = None


def _elsewhere(app: Flask, statement: str) -> None:
    """Run by a connection that the app knows nothing of."""
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


class TestBoundToken:
    def test_it_stands_with_its_certificate(self, billing: Subscribed) -> None:
        assert billing.predict("iris", token=billing.token()).status_code == LET_IN

    def test_with_another_certificate_it_is_invalid_and_that_is_noted(
        self, billing: Subscribed, shipping: Subscribed
    ) -> None:
        """Case 13."""
        answer = shipping.predict("iris", token=billing.token())
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-token")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        (event,) = _refusals()
        assert (event.actor, event.target) == (f"subscriber:{shipping.id}", f"subscriber:{billing.id}")

    def test_with_a_newer_certificate_of_the_same_subscriber_it_is_invalid(
        self, billing: Subscribed, manager: Person
    ) -> None:
        token = billing.token()
        made = manager.post(f"/v1/subscribers/{billing.id}/certificates", json={"csr": signing_request().decode()})
        billing.der = der_of(made.get_json()["certificate"])
        assert billing.predict("iris").status_code == LET_IN
        assert billing.predict("iris", token=token).status_code == 401

    def test_without_a_certificate_it_is_invalid(self, http: FlaskClient, billing: Subscribed) -> None:
        """Case 14."""
        answer = http.get("/v1/models", headers={"Authorization": f"Bearer {billing.token()}"})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-token")

    def test_with_a_revoked_certificate_it_is_worth_nothing(self, billing: Subscribed, manager: Person) -> None:
        token = billing.token()
        manager.post(f"/v1/certificates/{billing.issued.serial_number}/revoke", json={})
        assert billing.predict("iris", token=token).status_code == 401

    def test_it_covers_what_its_scope_names(self, shipping: Subscribed) -> None:
        token = shipping.token(scope="predict:iris predict:rentals")
        assert [shipping.predict(model, token=token).status_code for model in ("iris", "rentals", "wine")] == [
            LET_IN,
            LET_IN,
            403,
        ]
        answer = shipping.predict("wine", token=token)
        assert answer.headers["WWW-Authenticate"] == (
            'Bearer realm="signet", error="insufficient_scope", scope="predict:wine"'
        )
        assert answer.get_json()["code"] == "insufficient-scope"

    def test_it_does_not_renew_a_certificate_by_itself(self, http: FlaskClient, billing: Subscribed) -> None:
        headers = {"Authorization": f"Bearer {billing.token()}"}
        body = {"csr": signing_request().decode()}
        assert http.post("/v1/certificates/renew", json=body, headers=headers).status_code == 401


class TestClaims:
    """Case 30: a certificate that a header states is refused where no proxy could have stated it."""

    @pytest.mark.parametrize(
        "name", ["Client-Cert", "X-SSL-Client-Cert", "x-forwarded-client-cert", "X-Forwarded-Tls-Client-Cert"]
    )
    @pytest.mark.parametrize("path", ["/v1/models", "/health/live", "/nowhere"])
    def test_a_direct_request_that_states_one_is_refused_and_noted(
        self, http: FlaskClient, billing: Subscribed, name: str, path: str
    ) -> None:
        stated = f":{base64.b64encode(billing.der).decode()}:"
        answer = http.get(path, headers={name: stated})
        assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed")
        (event,) = _refusals()
        assert event.target.lower() == f"header:{name.lower()}"
        assert (event.actor, event.request_id) == ("", answer.headers["X-Request-Id"])

    def test_even_with_a_good_credential(self, billing: Subscribed) -> None:
        presented = {CLIENT_CERTIFICATE: billing.der}
        answer = billing.http.get("/v1/models", headers={"Client-Cert": ":AA==:"}, environ_overrides=presented)
        assert answer.status_code == 400


class TestProxied:
    """What the proxy states is read on its own socket alone."""

    def _call(self, billing: Subscribed, *values: str) -> Any:
        headers = {"Client-Cert": ",".join(values)} if values else {}
        return billing.http.get("/v1/models", headers=headers, environ_overrides={PROXIED: True})

    def test_the_certificate_that_it_states_is_the_callers(self, billing: Subscribed) -> None:
        assert self._call(billing, f":{base64.b64encode(billing.der).decode()}:").status_code == 200

    def test_without_one_nobody_is_known(self, billing: Subscribed) -> None:
        assert self._call(billing).status_code == 401

    @pytest.mark.parametrize(
        "form", ["{0}", ":{0}", "{0}:", ":{0}:;a=1", ":{0}:,:{0}:", ":{0}:, :AA==:", '"{0}"', "", "::", ":A:"]
    )
    def test_anything_but_exactly_one_is_refused_and_noted(self, billing: Subscribed, form: str) -> None:
        """Case 31."""
        answer = self._call(billing, form.format(base64.b64encode(billing.der).decode()))
        assert (answer.status_code, answer.get_json()["code"]) == (400, "malformed")
        assert [event.target for event in _refusals()] == ["header:Client-Cert"]

    def test_a_certificate_of_another_authority_is_refused_whatever_our_rows_say(
        self, billing: Subscribed, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The chain is verified here too: a row alone does not make a certificate ours."""
        stranger = Authority.create(now=now() - timedelta(minutes=1))
        forged = stranger.issue_subscriber_certificate(
            billing.key.public_key(), subscriber=UUID(billing.id), trust_domain=settings.trust_domain, now=now()
        )
        der = forged.public_bytes(Encoding.DER)
        db.session.execute(update(Certificate).values(fingerprint=fingerprint_of(der)))
        db.session.commit()
        stated = f":{base64.b64encode(der).decode()}:"
        assert self._call(billing, stated).get_json()["code"] == "invalid-certificate"
        monkeypatch.setattr(chains, "read_certificate", lambda *_: stranger.subscribers.certificate)
        assert self._call(billing, stated).status_code == 200  # so it was the chain

    def test_bytes_that_are_no_certificate_are_refused(self, billing: Subscribed) -> None:
        assert self._call(billing, ":AAAA:").get_json()["code"] == "invalid-certificate"

    def test_other_headers_that_state_one_are_not_read(self, billing: Subscribed) -> None:
        stated = {"X-SSL-Client-Cert": f":{base64.b64encode(billing.der).decode()}:"}
        assert billing.http.get("/v1/models", headers=stated, environ_overrides={PROXIED: True}).status_code == 401


def test_a_token_is_verified_with_the_key_of_its_kind_alone(billing: Subscribed, expert: Person) -> None:
    """A person's token that calls itself a subscriber's, and the reverse."""
    for token, kind in ((expert.tokens["access_token"], "at+jwt"), (billing.token(), "JWT")):
        head, body, signature = token.split(".")
        header = json.loads(base64.urlsafe_b64decode(f"{head}==")) | {"typ": kind}
        changed = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        assert billing.predict("iris", token=f"{changed}.{body}.{signature}").status_code == 401


@pytest.mark.parametrize("head", ["", "W10", "bnVsbA", "!", "e30", "A" * 5000, "W1tb" * 100, "\u00e9"])
def test_a_token_whose_header_cannot_be_read_is_invalid(billing: Subscribed, head: str) -> None:
    answer = billing.predict("iris", token=f"{head}.e30.AAAA")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-token")


def test_a_forged_signature_of_a_bound_token_is_refused_also_after_the_good_one(billing: Subscribed) -> None:
    token = billing.token()
    assert billing.predict("iris", token=token).status_code == LET_IN
    head, body, signature = token.split(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert billing.predict("iris", token=f"{head}.{body}.{flipped}").status_code == 401
