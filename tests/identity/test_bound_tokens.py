"""Tokens of subscribers: what they say, and every way in which one can be wrong."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from backend.database import now
from backend.errors import InvalidScope, InvalidToken
from backend.identity import bound_tokens
from backend.identity.bound_tokens import AUDIENCE, BoundToken, issue_bound_token, verify_bound_token
from backend.identity.principal import Principal
from backend.identity.signing_keys import SigningKeys
from backend.pki.keystore import private_pem
from backend.settings import Settings

ISSUER = "https://signet.example"
CERTIFICATE = hashlib.sha256(b"a certificate").hexdigest()
BILLING = Principal("subscriber", "b1", "billing", models=frozenset({"iris", "wine"}), certificate=CERTIFICATE)


@pytest.fixture
def keys(settings: Settings) -> SigningKeys:
    return SigningKeys(settings)


@pytest.fixture
def token(keys: SigningKeys) -> str:
    return issue_bound_token(keys, ISSUER, BILLING, None).token


def _part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(f"{text}=="))


def _written(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _signed(keys: SigningKeys, token: str, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """The same token with other claims (None: without), signed with our own key all the same."""
    head, body, _ = token.split(".")
    claims = {name: value for name, value in (_part(body) | changes).items() if value is not None}
    return jwt.encode(_part(head) | (header or {}), claims, keys.current().key, algorithms=["ES256"])


def test_what_a_token_says(keys: SigningKeys) -> None:
    before = int(now().timestamp())
    issued = issue_bound_token(keys, ISSUER, BILLING, "predict:iris")
    head, body, _ = issued.token.split(".")
    assert _part(head) == {"alg": "ES256", "typ": "at+jwt", "kid": keys.current().kid}
    claims = _part(body)
    assert set(claims) == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope", "cnf"}
    assert (claims["iss"], claims["aud"], claims["sub"], claims["client_id"]) == (ISSUER, AUDIENCE, "b1", "b1")
    assert 0 <= claims["iat"] - before <= 5
    assert claims["exp"] - claims["iat"] == issued.expires_in == 300
    assert claims["scope"] == issued.scope == "predict:iris"
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(b"a certificate").digest()).rstrip(b"=").decode()
    assert claims["cnf"] == {"x5t#S256": thumbprint}
    assert len(thumbprint) == 43
    ends_at = datetime.fromtimestamp(claims["exp"], UTC)
    read = verify_bound_token(keys, ISSUER, issued.token)
    assert read == BoundToken("b1", frozenset({"predict:iris"}), CERTIFICATE, ends_at)
    assert read.is_bound_to(BILLING)
    assert not read.is_bound_to(replace(BILLING, id="b2"))
    assert not read.is_bound_to(replace(BILLING, certificate=hashlib.sha256(b"another").hexdigest()))


def test_no_two_tokens_have_the_same_id(keys: SigningKeys) -> None:
    tokens = {issue_bound_token(keys, ISSUER, BILLING, None).token for _ in range(5)}
    assert len({_part(token.split(".")[1])["jti"] for token in tokens}) == 5


def test_a_token_does_not_outlive_its_certificate(keys: SigningKeys) -> None:
    ends_at = now() + timedelta(seconds=90)
    issued = issue_bound_token(keys, ISSUER, replace(BILLING, ends_at=ends_at), None)
    assert _part(issued.token.split(".")[1])["exp"] == int(ends_at.timestamp())
    assert 88 <= issued.expires_in <= 90


EVERYTHING = replace(BILLING, models=frozenset({"*"}))
NOTHING = replace(BILLING, models=frozenset())


@pytest.mark.parametrize(
    ("subscriber", "asked", "granted"),
    [
        (BILLING, None, "predict"), (BILLING, "", "predict"), (BILLING, "predict", "predict"),
        (BILLING, "predict:iris", "predict:iris"), (BILLING, "predict:wine predict:iris", "predict:wine predict:iris"),
        (BILLING, "predict:iris predict:iris", "predict:iris"), (EVERYTHING, "predict:rentals", "predict:rentals"),
        (EVERYTHING, None, "predict"),
    ],
)  # fmt: skip
def test_a_scope_is_granted(keys: SigningKeys, subscriber: Principal, asked: str | None, granted: str) -> None:
    assert issue_bound_token(keys, ISSUER, subscriber, asked).scope == granted


@pytest.mark.parametrize(
    ("subscriber", "asked"),
    [
        (BILLING, "predict:rentals"), (BILLING, "predict:iris predict:rentals"), (BILLING, "predict:*"), (BILLING, "train"),
        (BILLING, "predict:"), (BILLING, "predict "), (BILLING, "PREDICT"), (BILLING, "train:iris"), (NOTHING, None),
        (NOTHING, "predict"), (NOTHING, "predict:iris"),
    ],
)  # fmt: skip
def test_a_scope_beyond_the_subscribers_is_not_granted(
    keys: SigningKeys, subscriber: Principal, asked: str | None
) -> None:
    """Case 16."""
    with pytest.raises(InvalidScope):
        issue_bound_token(keys, ISSUER, subscriber, asked)


def _unsigned(keys: SigningKeys, token: str, algorithm: str = "none") -> str:
    head, body, _ = token.split(".")
    return f"{_written(_part(head) | {'alg': algorithm})}.{body}."


def _by_hmac(keys: SigningKeys, token: str) -> str:
    """Signed by HMAC with our public key, which a careless verifier takes as the secret."""
    head, body, _ = token.split(".")
    signed = f"{_written(_part(head) | {'alg': 'HS256'})}.{body}"
    digest = hmac.new(keys.current().key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _zeroed(keys: SigningKeys, token: str) -> str:
    return f"{token.rpartition('.')[0]}.{base64.urlsafe_b64encode(bytes(64)).rstrip(b'=').decode()}"


def _with_own_key(keys: SigningKeys, token: str, **header: Any) -> str:
    """Signed with a key of the attacker's, which the header may bring along."""
    own = ECKey.import_key(private_pem(ec.generate_private_key(ec.SECP256R1())))
    head, body, _ = token.split(".")
    extra = {name: own.as_dict(private=False) if value == "own" else value for name, value in header.items()}
    return jwt.encode(_part(head) | extra, _part(body), own, algorithms=["ES256"])


FORGED: dict[str, Callable[[SigningKeys, str], str]] = {
    **{f"1 {name}": lambda keys, token, name=name: _unsigned(keys, token, name) for name in ("none", "None", "NONE")},  # type: ignore[misc]
    "2 the public key as a secret": _by_hmac,
    "3 a signature of zeros": _zeroed,
    "4 a name of a key that is a path": lambda keys, token: _signed(keys, token, {"kid": "../../dev/null"}),
    "4 a name of a key that is SQL": lambda keys, token: _signed(keys, token, {"kid": "' OR 1=1 --"}),
    "4 a name of a key of 10 kB": lambda keys, token: f"{_written({'alg': 'ES256', 'kid': 'k' * 10_000})}.e30.AAAA",
    "4 no name of a key": lambda keys, token: _with_own_key(keys, token, kid=""),
    "5 a key of the token's own": lambda keys, token: _with_own_key(keys, token, jwk="own"),
    "5 an address of a key": lambda keys, token: _with_own_key(keys, token, jku="http://127.0.0.1:9/keys"),
    "5 an address of a certificate": lambda keys, token: _with_own_key(keys, token, x5u="http://127.0.0.1:9/keys"),
    "6 an extension that must be understood": lambda keys, token: (
        f"{_written(_part(token.split('.')[0]) | {'crit': ['exp']})}.e30.A"
    ),
    "7 over": lambda keys, token: _signed(keys, token, exp=int(now().timestamp()) - 31),
    "7 not yet": lambda keys, token: _signed(keys, token, nbf=int(now().timestamp()) + 31),
    "7 issued in the future": lambda keys, token: _signed(keys, token, iat=int(now().timestamp()) + 31),
    "8 no end": lambda keys, token: _signed(keys, token, exp=None),
    "8 an end that is no number": lambda keys, token: _signed(keys, token, exp="tomorrow"),
    "8 an end that never comes": lambda keys, token: _signed(keys, token, exp=1e300),
    "9 no id": lambda keys, token: _signed(keys, token, jti=None),
    "10 another issuer": lambda keys, token: _signed(keys, token, iss="https://elsewhere.example"),
    "10 no issuer": lambda keys, token: _signed(keys, token, iss=None),
    "10 another audience": lambda keys, token: _signed(keys, token, aud="signet-people"),
    "10 no audience": lambda keys, token: _signed(keys, token, aud=None),
    "12 another type": lambda keys, token: _signed(keys, token, {"typ": "JWT"}),
    "12 of another client": lambda keys, token: _signed(keys, token, client_id="b2"),
    **{
        f"no {name}": lambda keys, token, name=name: _signed(keys, token, **{name: None})  # type: ignore[misc]
        for name in ("sub", "client_id", "iat", "scope", "cnf")
    },
    "14 bound to nothing": lambda keys, token: _signed(keys, token, cnf={"jkt": "x"}),
    "14 bound to what cannot be read": lambda keys, token: _signed(keys, token, cnf={"x5t#S256": "x"}),
    "14 bound to what is no thumbprint": lambda keys, token: _signed(keys, token, cnf={"x5t#S256": 1, "a": "b"}),
    "14 a binding that is no object": lambda keys, token: _signed(keys, token, cnf="x"),
    "a scope that is no text": lambda keys, token: _signed(keys, token, scope=["predict"]),
    "an encrypted one": lambda keys, token: "e30.e30.e30.e30.e30",
    "an array": lambda keys, token: "W10.W10.W10",
    "nothing": lambda keys, token: "..",
    "beyond ASCII": lambda keys, token: f"{token}\u00e9",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_token_that_is_not_ours_is_invalid(
    keys: SigningKeys, token: str, forge: Callable[[SigningKeys, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases 1 to 10 and 12 (by number)."""
    forged = forge(keys, token)
    called: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *address, **_: called.append(address))
    with pytest.raises(InvalidToken):
        verify_bound_token(keys, ISSUER, forged)
    assert called == []


def test_two_clocks_may_differ_a_little(keys: SigningKeys, token: str) -> None:
    moment = int(now().timestamp())
    assert verify_bound_token(keys, ISSUER, _signed(keys, token, exp=moment - 1))
    assert verify_bound_token(keys, ISSUER, _signed(keys, token, iat=moment + 2))


def test_a_token_lives_as_long_as_it_says(keys: SigningKeys, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now()
    monkeypatch.setattr(bound_tokens, "now", lambda: moment + timedelta(seconds=299))
    assert verify_bound_token(keys, ISSUER, token)
    monkeypatch.setattr(bound_tokens, "now", lambda: moment + timedelta(seconds=311))
    with pytest.raises(InvalidToken):
        verify_bound_token(keys, ISSUER, token)
