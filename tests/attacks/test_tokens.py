"""Cases 1 to 16: tokens that are forged, altered, out of their time or in the wrong hands, of people and of subscribers alike."""

import os
import socket
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwk
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.settings import Settings
from tests.api.conftest import Subscribed
from tests.attacks.conftest import LET_IN
from tests.attacks.forging import HEADROOM, Kind, encoded, part, soon, stranger
from tests.conftest import Person

PEOPLE, SUBSCRIBERS = "people", "subscribers"


@pytest.fixture
def billing(subscribed: Callable[..., Subscribed]) -> Subscribed:
    return subscribed("billing", models=["iris"])


@pytest.fixture
def shipping(subscribed: Callable[..., Subscribed]) -> Subscribed:
    return subscribed("shipping", models=["iris", "rentals"])


@pytest.fixture
def person(app: Flask, http: FlaskClient, expert: Person) -> Kind:
    key = jwk.ECKey.import_key(app.config["JWT_PRIVATE_KEY"])
    present = lambda token: http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})  # noqa: E731
    return Kind(PEOPLE, expert.tokens["access_token"], key, present)


@pytest.fixture
def service(app: Flask, billing: Subscribed) -> Kind:
    key = app.extensions["signet.gate"].keys.current().key
    return Kind(SUBSCRIBERS, billing.token(), key, lambda token: billing.predict("iris", token=token))


@pytest.fixture(params=[PEOPLE, SUBSCRIBERS])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of token. Properly signed again with nothing changed, it is let in: so it is the change that is refused."""
    found: Kind = request.getfixturevalue("person" if request.param == PEOPLE else "service")
    assert found.present(found.signed()).status_code in {200, LET_IN}
    return found


def verify_refused(kind: Kind, token: str) -> None:
    answer = kind.present(token)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-token"), answer.text
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
def test_unsigned(kind: Kind, algorithm: str) -> None:
    """1. `alg` none in every spelling: a token that nobody signed."""
    verify_refused(kind, kind.unsigned(algorithm))


def test_public_key_as_secret(kind: Kind) -> None:
    """2. HMAC with our public key, which everybody has."""
    verify_refused(kind, kind.by_public_key())


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\x30\x06\x02\x01\0\x02\x01\0", b"\xff" * 64])
def test_empty_numbers_as_signature(kind: Kind, signature: bytes) -> None:
    """3. A signature of zeroes, which a broken ECDSA takes for every message."""
    verify_refused(kind, kind.with_signature(signature))


def test_key_id_is_no_address(kind: Kind, settings: Settings) -> None:
    """4. A `kid` that is a path, SQL or very long: the name of a key opens no file and asks no database."""
    mine = stranger()
    path = settings.home / "mine.pem"
    path.write_bytes(mine.as_pem(private=True))
    relative = os.path.relpath(path, settings.certs / "subscriber-token-keys")
    for name in (str(path), relative, relative.removesuffix(".pem"), "' OR 1=1 --", "k" * 4000, None, 1, ["a"]):
        verify_refused(kind, kind.signed(header={"kid": name}, key=mine))
    verify_refused(kind, kind.signed(header={"kid": "../../../dev/null"}, key=mine))


def test_key_from_the_token(kind: Kind) -> None:
    """5. `jwk`, `jku` and `x5u` bring the forger's own key: none is used, and nothing is fetched."""
    mine = stranger()
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.2)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/keys.json"
        for header in ({"jwk": mine.as_dict(private=False)}, {"jku": address}, {"x5u": address}):
            verify_refused(kind, kind.signed(header=header, key=mine))
            verify_refused(kind, kind.signed(header={"kid": mine.thumbprint()} | header, key=mine))
        with pytest.raises(TimeoutError):
            trap.accept()


def test_unknown_critical_header(kind: Kind) -> None:
    """6. `crit` names a rule that we do not know: to read on would be to break it (RFC 7515, 4.1.11)."""
    verify_refused(kind, kind.signed(header={"crit": ["only-on-tuesdays"], "only-on-tuesdays": True}))


def test_out_of_its_time(kind: Kind) -> None:
    """7. A token that ended, or begins later: clocks may differ by half a minute and no more."""
    verify_refused(kind, kind.signed(exp=soon(-HEADROOM - 1)))
    verify_refused(kind, kind.signed(nbf=soon(HEADROOM + 2)))


@pytest.mark.parametrize("claim", ["exp", "jti"])
def test_without_an_end_or_a_name(kind: Kind, claim: str) -> None:
    """8, 9. Without `exp` it lives for ever; without `jti` it cannot be named. Libraries take both by default."""
    verify_refused(kind, kind.signed(**{claim: None}))


@pytest.mark.parametrize("claim", ["iss", "aud"])
@pytest.mark.parametrize("value", [None, "someone-else", ["someone-else"], ""])
def test_for_or_from_somebody_else(kind: Kind, claim: str, value: object) -> None:
    """10. Another issuer or audience, or none: it was not made by us, or not for us."""
    verify_refused(kind, kind.signed(**{claim: value}))


def test_the_other_kind_of_caller(person: Kind, service: Kind, manager: Person, billing: Subscribed) -> None:
    """11. A service's token at a manager's door, and a person's key under a service's token: keys, audiences and types differ."""
    for path in ("/v1/subscribers", "/v1/certificates", "/v1/audit", "/v1/me", "/v1/users"):
        assert billing.call("GET", path, token=service.good).status_code == 401
    verify_refused(service, service.signed(key=person.key))
    verify_refused(person, person.signed(key=service.key))
    forged = person.signed(key=service.key, header=service.header)
    verify_refused(person, forged)
    # Alone, whether key, audience or type differs, it is refused.
    verify_refused(person, person.signed(aud=service.claims["aud"], iss=service.claims["iss"]))
    verify_refused(service, service.signed(aud=person.claims["aud"], iss=person.claims["iss"]))
    verify_refused(service, service.signed(header={"typ": "JWT"}))


def test_refresh_as_access(http: FlaskClient, expert: Person) -> None:
    """12. A refresh token lives for weeks and must not open doors; an access token must not prolong itself."""
    access, refresh = (expert.tokens[f"{kind}_token"] for kind in ("access", "refresh"))
    assert http.get("/v1/me", headers={"Authorization": f"Bearer {refresh}"}).status_code == 401
    assert http.post("/refresh", headers={"Authorization": f"Bearer {access}"}).status_code == 401
    assert expert.get("/v1/me").status_code == 200


def test_stolen_by_another_subscriber(billing: Subscribed, shipping: Subscribed) -> None:
    """13. A token that leaked, with the thief's own good certificate: it is bound to its owner's, and the theft is noted."""
    token = billing.token()
    answer = shipping.predict("iris", token=token)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-token")
    with db.engine.connect() as connection:
        noted = select(AuditEvent.actor, AuditEvent.target).where(AuditEvent.event == "request.refused")
        assert connection.execute(noted).all() == [(f"subscriber:{shipping.id}", f"subscriber:{billing.id}")]


def test_bound_to_a_certificate_of_its_own_making(service: Kind, billing: Subscribed, shipping: Subscribed) -> None:
    """13. The binding names the certificate's very bytes: none, an empty or another one is no binding."""
    other = encoded(bytes.fromhex(_fingerprint(shipping)))
    for binding in (None, {}, {"x5t#S256": ""}, {"x5t#S256": other}, {"jkt": "a"}, "x", [], {"x5t#S256": None}):
        verify_refused(service, service.signed(cnf=binding))


def _fingerprint(subscribed: Subscribed) -> str:
    return subscribed.issued.row.fingerprint


def test_without_its_certificate(http: FlaskClient, billing: Subscribed) -> None:
    """14. A bound token alone is worth nothing: whoever reads it in a log cannot use it."""
    headers = {"Authorization": f"Bearer {billing.token()}"}
    answer = http.post("/v1/models/iris/predict", json={"features": []}, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid-token")


def test_suspended_a_moment_ago(billing: Subscribed, manager: Person) -> None:
    """15. A token outlives the manager's word by minutes unless the row is asked each time."""
    token = billing.token()
    assert billing.predict("iris", token=token).status_code == LET_IN
    assert manager.patch(f"/v1/subscribers/{billing.id}", json={"state": "suspended"}).status_code == 200
    assert billing.predict("iris", token=token).status_code == 403


@pytest.mark.parametrize("scope", ["predict:rentals", "predict predict:rentals", "manage", "predict:", "PREDICT", "*"])
def test_scope_beyond_the_subscribers(billing: Subscribed, scope: str) -> None:
    """16. A token cannot be asked for more than its owner may."""
    answer = billing.ask_token(scope=scope)
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")


def test_scope_that_was_narrowed_later(shipping: Subscribed, manager: Person) -> None:
    """16. What the token still says, the row no longer does: the row wins."""
    token = shipping.token(scope="predict:iris predict:rentals")
    assert shipping.predict("rentals", token=token).status_code == LET_IN
    manager.patch(f"/v1/subscribers/{shipping.id}", json={"models": ["iris"]})
    assert [shipping.predict(model, token=token).status_code for model in ("rentals", "iris")] == [403, LET_IN]


def test_scope_that_the_token_left_out(shipping: Subscribed) -> None:
    """16. A token made for one model, handed to a part that needs no more, opens no other model of its owner."""
    token = shipping.token(scope="predict:iris")
    answer = shipping.predict("rentals", token=token)
    assert (answer.status_code, 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]) == (403, True)
    assert shipping.predict("iris", token=token).status_code == LET_IN


def test_scope_that_the_token_gave_itself(service: Kind, billing: Subscribed) -> None:
    """16. A scope in a properly signed token widens nothing: it is what the token leaves of the subscriber's rights."""
    wide = service.signed(scope="predict predict:rentals manage:subscribers")
    assert billing.predict("rentals", token=wide).status_code == 403
    assert billing.call("GET", "/v1/subscribers", token=wide).status_code == 401


@pytest.mark.parametrize("place", ["header", "claims"])
def test_nested_until_the_reader_breaks(kind: Kind, place: str) -> None:
    """4, 35. A token whose JSON nests thousands deep is a bad token, not a fault of the server."""
    deep = encoded(b'{"typ":"%b","a":%b}' % (kind.header["typ"].encode(), b"[" * 2000))
    nested = encoded(b'{"typ":"%b","alg":"ES256","a":%b%b}' % (kind.header["typ"].encode(), b"[" * 2000, b"]" * 2000))
    for text in (deep, nested):
        head, body = (text, part(kind.claims)) if place == "header" else (part(kind.header), text)
        verify_refused(kind, f"{head}.{body}.{kind.good.rpartition('.')[2]}")


def test_a_flood_of_forgeries_leaves_the_good_token_good(kind: Kind) -> None:
    """3. What was verified before is remembered by the whole token, so a forgery never profits from it."""
    assert kind.present(kind.good).status_code in {200, LET_IN}
    verify_refused(kind, kind.with_signature(b"\1" * 64))
    assert kind.present(kind.good).status_code in {200, LET_IN}
