"""Each refusal becomes the exception that says what to do about it."""

import httpx
import pytest

import signet_client as sc
from tests.client.scripted import Script, problem


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, sc.Malformed),
        (401, sc.Unauthenticated),
        (403, sc.Forbidden),
        (404, sc.NotFound),
        (409, sc.Conflict),
        (410, sc.Gone),
        (413, sc.TooLarge),
        (415, sc.UnsupportedMedia),
        (422, sc.Invalid),
        (429, sc.RateLimited),
        (503, sc.NotReady),
        (500, sc.ServerFault),
        (418, sc.Refused),
    ],
)
def test_status_becomes_exception(script: Script, status: int, kind: type[sc.Refused]) -> None:
    script.replies = [problem(status, "some-code")]
    with pytest.raises(sc.Refused) as caught:
        script.client().jobs.list()
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, "some-code")
    assert (caught.value.detail, caught.value.request_id) == ("about some-code", "r-1")


def test_invalid_names_each_field(script: Script) -> None:
    found = [{"field": "age", "problem": "is text", "row": 3}, {"field": "sex", "problem": "is missing"}]
    script.replies = [problem(422, "invalid-fields", problems=found)]
    with pytest.raises(sc.Invalid) as caught:
        script.client().predict([1], model="m")
    assert caught.value.problems == (sc.Problem("age", "is text", 3), sc.Problem("sex", "is missing"))


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), (None, 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)])
def test_rate_limited_says_how_long(script: Script, header: str | None, seconds: int) -> None:
    answer = problem(429, "too-many-requests")
    if header:
        answer.headers["Retry-After"] = header
    script.replies = [answer]
    with pytest.raises(sc.RateLimited) as caught:
        script.client().predict([1])
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [{"error": "said so"}, {"error_code": "BAD", "message": "said so"}, {"error": "x", "error_description": "said so"}],
)
def test_other_protocols_texts_are_read(script: Script, body: dict[str, str]) -> None:
    script.replies = [httpx.Response(400, json=body)]
    with pytest.raises(sc.Malformed, match="said so"):
        script.client().me()


@pytest.mark.parametrize("answer", [httpx.Response(502, text="<html>bad gateway"), httpx.Response(200, text="<html>")])
def test_pages_of_something_else_are_unexpected(script: Script, answer: httpx.Response) -> None:
    script.replies = [answer]
    with pytest.raises(sc.UnexpectedAnswer):
        script.client().me()


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (httpx.ReadTimeout("slow"), "in time"),
        (httpx.ConnectError("refused"), "cannot be reached"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "ca.pem"),
    ],
)
def test_no_answer_is_unreachable(script: Script, fault: Exception, text: str) -> None:
    script.replies = [fault]
    with pytest.raises(sc.Unreachable, match=text):
        script.client().jobs.cancel("1")
