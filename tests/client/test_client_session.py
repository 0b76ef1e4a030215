"""Signing in, staying signed in without being asked, and signing out."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import signet_client as sc
from signet_client import Signet, Tokens
from tests.client.scripted import Script, problem, token_answer


def bearer(request: httpx.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def test_login_keeps_the_tokens(script: Script) -> None:
    script.replies = [token_answer(1), httpx.Response(200, json={"id": "1", "username": "ann", "role": "expert"})]
    client = script.client()
    client.login("ann", " a password with blanks ")
    assert client.me()["username"] == "ann"
    assert script.requests[0].read() == b'{"username":"ann","password":" a password with blanks "}'
    assert bearer(script.requests[1]) == "access-1"


@pytest.mark.parametrize("code", ["invalid-credentials", "unauthenticated"])
def test_a_wrong_password_is_invalid_credentials(script: Script, code: str) -> None:
    script.replies = [problem(401, code)]
    with pytest.raises(sc.InvalidCredentials):
        script.client().login("ann", "wrong")


def test_second_factor(script: Script) -> None:
    script.replies = [problem(401, "otp-required"), token_answer(1)]
    client = script.client()
    with pytest.raises(sc.OtpRequired):
        client.login("ann", "right")
    client.login("ann", "right", otp="123456")
    assert b'"otp":"123456"' in script.requests[1].read()


def test_tokens_do_not_show() -> None:
    assert "secret" not in repr(Tokens("secret-a", "secret-r", 1.0))


class Renewing:
    """Accepts only the newest access token, and each refresh token once."""

    def __init__(self) -> None:
        self.number = 1
        self.renewals = 0
        self.lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self.lock:
            if request.url.path == "/refresh":
                if bearer(request) != f"refresh-{self.number}":
                    return problem(401, "invalid-token")
                self.number += 1
                self.renewals += 1
                return token_answer(self.number)
            good = bearer(request) == f"access-{self.number}"
        return httpx.Response(200, json={"items": []}) if good else problem(401, "invalid-token")

    def client(self, tokens: Tokens) -> Signet:
        return Signet("https://platform.test", transport=httpx.MockTransport(self), token=tokens)


def test_an_expired_access_token_is_renewed_silently() -> None:
    platform = Renewing()
    client = platform.client(Tokens("access-0", "refresh-1"))
    assert client.jobs.list() == []
    assert client.tokens is not None
    assert client.tokens.refresh == "refresh-2"


def test_a_token_about_to_end_is_renewed_before_the_call() -> None:
    platform = Renewing()
    client = platform.client(Tokens("access-1", "refresh-1", time.time() + 1))
    client.jobs.list()
    assert platform.renewals == 1


def test_many_threads_renew_once() -> None:
    platform = Renewing()
    client = platform.client(Tokens("access-0", "refresh-1"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.jobs.list(), range(40)))
    assert answers == [[]] * 40
    assert platform.renewals == 1


def test_a_refused_renewal_ends_the_session(script: Script) -> None:
    script.replies = [problem(401, "invalid-token")]
    with pytest.raises(sc.SessionEnded):
        script.client(Tokens("a", "r")).jobs.list()


@pytest.mark.parametrize(
    ("code", "kind"), [("invalid-credentials", sc.InvalidCredentials), ("otp-required", sc.OtpRequired)]
)
def test_a_wrong_secret_of_who_is_signed_in_is_asked_about_once(
    script: Script, code: str, kind: type[sc.Unauthenticated]
) -> None:
    script.replies = [problem(401, code)]
    with pytest.raises(kind):
        script.client(Tokens("a", "r")).account.remove_otp("wrong", "123456")
    assert len(script.requests) == 1


def test_without_a_refresh_token_a_401_stays_a_401(script: Script) -> None:
    script.replies = [problem(401, "invalid-token")]
    with pytest.raises(sc.Unauthenticated) as caught:
        script.client("only-access").jobs.list()
    assert type(caught.value) is sc.Unauthenticated
    assert len(script.requests) == 1


def test_logout_forgets_even_when_refused(script: Script) -> None:
    script.replies = [problem(503, "not-ready")]
    client = script.client("a")
    with pytest.raises(sc.NotReady):
        client.logout()
    assert client.tokens is None


def test_siblings_share_connections_but_not_tokens(script: Script) -> None:
    script.replies = [httpx.Response(200, json={"items": []})]
    first = script.client("one")
    first.with_tokens(Tokens("two")).jobs.list()
    first.jobs.list()
    assert [bearer(request) for request in script.requests] == ["two", "one"]


def test_headers_of_a_sibling_go_with_its_requests_alone(script: Script) -> None:
    script.replies = [httpx.Response(200, json={"items": []})]
    first = script.client("one")
    first.with_tokens(Tokens("two"), headers={"X-Mine": "1"}).jobs.list()
    first.jobs.list()
    assert [request.headers.get("X-Mine") for request in script.requests] == ["1", None]
