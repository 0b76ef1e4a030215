"""Certificates over HTTP: issued, fetched once, listed, revoked; enrolled and renewed by their subscriber; and by EST."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from backend.database import db
from backend.identity import certificates, issuing
from backend.identity.authority import ensure_authority
from backend.identity.principal import Role
from backend.identity.users import create_user
from backend.listener.wsgi import CLIENT_CERTIFICATE
from backend.pki.authority import Authority
from backend.settings import Settings
from tests.certifying import der_of, openssl, signing_request
from tests.conftest import PASSWORD, Person

ISSUED = {"certificate", "chain", "serial_number", "not_after"}


@pytest.fixture(autouse=True)
def authority(settings: Settings) -> Authority:
    return ensure_authority(settings)


@pytest.fixture
def billing(manager: Person) -> dict[str, Any]:
    made: dict[str, Any] = manager.post("/v1/subscribers", json={"name": "billing", "models": ["iris"]}).get_json()
    return made


@pytest.fixture
def token(manager: Person, billing: dict[str, Any]) -> str:
    made: str = manager.post(f"/v1/subscribers/{billing['id']}/enrolment").get_json()["token"]
    return made


@pytest.fixture
def issued(manager: Person, billing: dict[str, Any]) -> dict[str, Any]:
    answer = manager.post(f"/v1/subscribers/{billing['id']}/certificates", json={"csr": signing_request().decode()})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Certificates are judged as of a later moment."""

    def move(**parts: float) -> None:
        moment = datetime.now(UTC) + timedelta(**parts)
        for module in (certificates, issuing):
            monkeypatch.setattr(module, "now", lambda: moment)

    return move


def _by(issued: dict[str, Any]) -> dict[str, object]:
    """What the listener tells the app of a caller with this certificate."""
    return {CLIENT_CERTIFICATE: der_of(issued["certificate"])}


class TestManager:
    def test_a_certificate_for_a_signing_request(self, issued: dict[str, Any], authority: Authority) -> None:
        assert set(issued) >= ISSUED
        assert {issued[name] for name in ("password", "download", "download_expires_at")} == {None}
        leaf, issuer = (x509.load_pem_x509_certificate(issued[name].encode()) for name in ("certificate", "chain"))
        leaf.verify_directly_issued_by(issuer)
        issuer.verify_directly_issued_by(authority.root)
        assert datetime.fromisoformat(issued["not_after"]) == leaf.not_valid_after_utc

    def test_a_key_made_here_is_fetched_once(self, manager: Person, http: FlaskClient, billing: dict[str, Any]) -> None:
        made = manager.post(f"/v1/subscribers/{billing['id']}/certificates", json={"generate": True}).get_json()
        assert ISSUED | {"password", "download", "download_expires_at"} == set(made)
        assert http.get(made["download"]).status_code == 401
        create_user("another", PASSWORD, Role.MANAGER)
        db.session.commit()
        assert Person(http, "another", PASSWORD).get(made["download"]).status_code == 404
        first, second = (manager.get(made["download"]) for _ in range(2))
        assert (first.status_code, first.content_type) == (200, "application/x-pkcs12")
        key, certificate, _ = pkcs12.load_key_and_certificates(first.data, made["password"].encode())
        assert key is not None
        assert certificate == x509.load_pem_x509_certificate(made["certificate"].encode())
        assert (second.status_code, second.get_json()["code"]) == (410, "gone")
        assert manager.get("/v1/key-files/guess").status_code == 404

    def test_a_key_file_is_fetched_with_the_password_and_the_second_factor(
        self, manager: Person, billing: dict[str, Any]
    ) -> None:
        made = manager.post(f"/v1/subscribers/{billing['id']}/certificates", json={"generate": True}).get_json()
        totp = pyotp.TOTP(manager.post("/v1/me/otp").get_json()["secret"])
        codes = manager.post("/v1/me/otp/confirm", json={"password": PASSWORD, "code": totp.now()}).get_json()
        answer = manager.post(made["download"], json={"password": PASSWORD})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "otp-required")
        answer = manager.post(made["download"], json={"password": PASSWORD, "otp": "no code"})
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-credentials")
        proof = {"password": PASSWORD, "otp": codes["recovery_codes"][0]}
        answer = manager.post(made["download"], json=proof)
        assert (answer.status_code, answer.content_type) == (200, "application/x-pkcs12")
        assert pkcs12.load_pkcs12(answer.data, made["password"].encode()).key is not None

    @pytest.mark.parametrize("body", [{}, {"generate": False}, {"generate": True, "csr": "x"}, {"csr": None}])
    def test_one_of_the_two_is_asked_for(self, manager: Person, billing: dict[str, Any], body: dict[str, Any]) -> None:
        answer = manager.post(f"/v1/subscribers/{billing['id']}/certificates", json=body)
        assert answer.status_code == 422
        assert '"csr" or "generate"' in answer.get_json()["detail"]

    @pytest.mark.parametrize(
        ("csr", "status"), [("nonsense", 400), ("x" * 20_000, 422), (signing_request().decode()[:-60], 400)]
    )
    def test_a_bad_request_is_refused(self, manager: Person, billing: dict[str, Any], csr: str, status: int) -> None:
        answer = manager.post(f"/v1/subscribers/{billing['id']}/certificates", json={"csr": csr})
        assert answer.status_code == status
        assert manager.get("/v1/certificates").get_json() == {"items": []}

    def test_certificates_are_listed_and_filtered(
        self, manager: Person, billing: dict[str, Any], issued: dict[str, Any]
    ) -> None:
        (listed,) = manager.get("/v1/certificates").get_json()["items"]
        assert (listed["subscriber"], listed["state"], listed["issued_by"]) == ("billing", "valid", "manager")
        assert listed["serial_number"] == issued["serial_number"]
        for query, count in (
            (f"subscriber={billing['id']}", 1), ("subscriber=0", 0), ("state=valid", 1), ("state=revoked", 0),
            ("expiring_within_days=29", 0), ("expiring_within_days=31", 1),
        ):  # fmt: skip
            assert len(manager.get(f"/v1/certificates?{query}").get_json()["items"]) == count, query
        for query in (
            "state=good",
            "subscriber=%00",
            "expiring_within_days=-1",
            "expiring_within_days=soon",
            "limit=3",
        ):
            assert manager.get(f"/v1/certificates?{query}").status_code == 422, query
        assert manager.get(f"/v1/certificates/{issued['serial_number'].upper()}").get_json() == listed
        assert manager.get("/v1/certificates/4711").status_code == 404

    def test_one_is_revoked(self, manager: Person, http: FlaskClient, issued: dict[str, Any]) -> None:
        path = f"/v1/certificates/{issued['serial_number']}/revoke"
        assert manager.post(path, json={"reason": "because"}).status_code == 422
        revoked = manager.post(path, json={"reason": "keyCompromise"}).get_json()
        assert (revoked["state"], revoked["revocation_reason"]) == ("revoked", "keyCompromise")
        assert manager.post(path, json={"reason": "keyCompromise"}).status_code == 409
        assert manager.post("/v1/certificates/4711/revoke", json={}).status_code == 404
        listed = x509.load_der_x509_crl(http.get("/pki/subscribers.crl").data)
        assert [f"{entry.serial_number:x}" for entry in listed] == [issued["serial_number"]]

    def test_a_removed_subscribers_certificate_stays_listed(
        self, manager: Person, billing: dict[str, Any], issued: dict[str, Any]
    ) -> None:
        manager.delete(f"/v1/subscribers/{billing['id']}")
        listed = manager.get(f"/v1/certificates/{issued['serial_number']}").get_json()
        assert (listed["subscriber"], listed["subscriber_id"], listed["state"]) == (None, None, "revoked")


class TestEnrolment:
    def test_a_token_is_exchanged_once(self, http: FlaskClient, token: str) -> None:
        body = {"token": token, "csr": signing_request().decode()}
        first, second = (http.post("/v1/enrol", json=body) for _ in range(2))
        assert (first.status_code, set(first.get_json())) == (201, ISSUED)
        assert (second.status_code, second.get_json()["code"]) == (401, "invalid-enrolment")
        assert second.headers["WWW-Authenticate"] == 'Basic realm="signet enrolment"'

    def test_unknown_and_used_tokens_are_answered_alike(self, http: FlaskClient, token: str) -> None:
        csr = signing_request().decode()
        http.post("/v1/enrol", json={"token": token, "csr": csr})
        answers = [http.post("/v1/enrol", json={"token": word, "csr": csr}).get_json() for word in (token, "guess")]
        assert answers[0]["detail"] == answers[1]["detail"]

    def test_a_bad_request_leaves_the_token_good(self, http: FlaskClient, token: str) -> None:
        assert http.post("/v1/enrol", json={"token": token, "csr": "nonsense"}).status_code == 400
        assert http.post("/v1/enrol", json={"token": token, "csr": signing_request().decode()}).status_code == 201

    def test_a_certificate_renews_itself_in_its_last_third(
        self, http: FlaskClient, issued: dict[str, Any], later: Callable[..., None]
    ) -> None:
        body = {"csr": signing_request().decode()}
        early = http.post("/v1/certificates/renew", json=body, environ_overrides=_by(issued))
        assert (early.status_code, "can be renewed from" in early.get_json()["detail"]) == (403, True)
        later(days=21)
        renewed = http.post("/v1/certificates/renew", json=body, environ_overrides=_by(issued))
        assert (renewed.status_code, set(renewed.get_json())) == (201, ISSUED)
        assert renewed.get_json()["serial_number"] != issued["serial_number"]

    def test_nothing_else_renews(self, http: FlaskClient, manager: Person, issued: dict[str, Any]) -> None:
        body = {"csr": signing_request().decode()}
        assert http.post("/v1/certificates/renew", json=body).status_code == 401
        assert manager.post("/v1/certificates/renew", json=body).status_code == 401
        manager.post(f"/v1/certificates/{issued['serial_number']}/revoke", json={"reason": "keyCompromise"})
        answer = http.post("/v1/certificates/renew", json=body, environ_overrides=_by(issued))
        assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-certificate")

    def test_a_certificate_opens_no_managers_door(self, http: FlaskClient, issued: dict[str, Any]) -> None:
        for path in ("/v1/certificates", "/v1/subscribers", "/v1/users", f"/v1/certificates/{issued['serial_number']}"):
            assert http.get(path, environ_overrides=_by(issued)).status_code == 403


PKCS10 = {"Content-Type": "application/pkcs10"}


class TestEst:
    def _enrol(self, http: FlaskClient, token: str, body: bytes) -> TestResponse:
        return http.post("/.well-known/est/simpleenroll", data=body, headers=PKCS10, auth=("billing", token))

    def test_the_authorities(self, http: FlaskClient, authority: Authority, tmp_path: Path) -> None:
        answer = http.get("/.well-known/est/cacerts")
        assert answer.content_type == "application/pkcs7-mime; smime-type=certs-only"
        assert answer.headers["Content-Transfer-Encoding"] == "base64"
        found = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))
        assert set(found) == {authority.root, authority.subscribers.certificate}
        (tmp_path / "answer").write_bytes(answer.data)
        openssl(tmp_path, "base64", "-d", "-in", "answer", "-out", "answer.p7")
        shown = openssl(tmp_path, "pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs")
        assert shown.count("BEGIN CERTIFICATE") == 2

    def test_enrolling(self, http: FlaskClient, token: str, authority: Authority) -> None:
        answer = self._enrol(http, token, _der_in_base64(signing_request()))
        assert answer.status_code == 200, answer.text
        (leaf,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))
        leaf.verify_directly_issued_by(authority.subscribers.certificate)
        assert self._enrol(http, token, _der_in_base64(signing_request())).status_code == 401

    def test_who_brings_no_token_is_told_how(self, http: FlaskClient) -> None:
        body = _der_in_base64(signing_request())
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic !"}):
            answer = http.post("/.well-known/est/simpleenroll", data=body, headers=PKCS10 | headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="signet enrolment"'

    @pytest.mark.parametrize(
        ("body", "status"),
        [(b"", 400), (b"?", 400), (b"AAAA", 400), (signing_request(), 400), (b"A" * 20_000, 413)],
        ids=["empty", "no-base64", "no-request", "pem", "long"],
    )
    def test_a_bad_request_leaves_the_token_good(self, http: FlaskClient, token: str, body: bytes, status: int) -> None:
        assert self._enrol(http, token, body).status_code == status
        wrapped = b"\r\n ".join(_der_in_base64(signing_request()).split())
        assert self._enrol(http, token, wrapped).status_code == 200

    def test_another_content_is_not_read(self, http: FlaskClient, token: str) -> None:
        answer = http.post("/.well-known/est/simpleenroll", json={}, auth=("billing", token))
        assert answer.status_code == 415

    def test_renewing(self, http: FlaskClient, issued: dict[str, Any], later: Callable[..., None]) -> None:
        path, body = "/.well-known/est/simplereenroll", _der_in_base64(signing_request())
        assert http.post(path, data=body, headers=PKCS10).status_code == 401
        by = _by(issued)
        assert http.post(path, data=body, headers=PKCS10, environ_overrides=by).status_code == 403
        later(days=21)
        answer = http.post(path, data=body, headers=PKCS10, environ_overrides=by)
        (leaf,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.data))
        assert f"{leaf.serial_number:x}" != issued["serial_number"]


def test_what_the_public_fetches(http: FlaskClient, settings: Settings, authority: Authority) -> None:
    root = http.get("/pki/ca.pem")
    assert root.data == (settings.certs / "ca.pem").read_bytes()
    issuer = http.get("/pki/subscribers-ca.cer")
    assert x509.load_der_x509_certificate(issuer.data) == authority.subscribers.certificate
    listed = http.get("/pki/subscribers.crl")
    assert x509.load_der_x509_crl(listed.data).issuer == authority.subscribers.certificate.subject
    types = [answer.content_type for answer in (root, issuer, listed)]
    assert types == ["application/x-pem-file", "application/pkix-cert", "application/pkix-crl"]
    assert http.get("/pki/subscribers.crl").data == listed.data


def _der_in_base64(request: bytes) -> bytes:
    return base64.encodebytes(x509.load_pem_x509_csr(request).public_bytes(serialization.Encoding.DER))
