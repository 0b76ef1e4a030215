"""What the web app knows of sessions: the API's last word, for seconds; the person's activity, told now and then."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from frontend.sessions import FRESH_SECONDS, NOTED_EVERY_SECONDS, UNANSWERED_SECONDS, Sessions, Visitor
from signet_client import Signet, Unauthenticated, Unreachable
from tests.frontend.conftest import AGENT, handle_for
from tests.frontend.stub import StubPlatform, problem


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


@pytest.fixture
def ann(stub: StubPlatform) -> Visitor:
    """A browser in which somebody is signed in."""
    return Visitor(handle_for("expert"), AGENT, "192.0.2.1")


def resumed(stub: StubPlatform) -> list[bool]:
    """Whether the person was said to be active, in each question to the API."""
    return [body["active"] for call, body in stub.web if call == "POST /v1/web-sessions/resume"]


def test_a_handle_leads_to_the_person_and_to_calls_in_their_name(sessions: Sessions, ann: Visitor) -> None:
    found = sessions.find(ann)
    assert found
    assert (found.person["username"], found.session_id) == ("expert", "s-now")
    assert found.signet.me()["role"] == "expert"


@pytest.mark.parametrize("handle", ["", "guess"])
def test_no_other_does(sessions: Sessions, stub: StubPlatform, ann: Visitor, handle: str) -> None:
    assert sessions.find(replace(ann, handle=handle)) is None
    assert len(resumed(stub)) == bool(handle)


def test_another_process_finds_it_too(sessions: Sessions, clock: Clock, ann: Visitor) -> None:
    sessions.find(ann)
    assert Sessions(clock).find(ann)


def test_the_word_of_the_platform_is_believed_for_seconds(
    sessions: Sessions, clock: Clock, ann: Visitor, stub: StubPlatform
) -> None:
    sessions.find(ann)
    stub.handles.clear()
    clock.now += FRESH_SECONDS
    assert sessions.find(ann)
    clock.now += 0.1
    assert sessions.find(ann) is None


def test_the_token_is_renewed_without_a_word(sessions: Sessions, clock: Clock, ann: Visitor) -> None:
    first = sessions.find(ann)
    clock.now += FRESH_SECONDS + 1
    second = sessions.find(ann)
    assert first
    assert second
    assert first.signet.tokens != second.signet.tokens


def test_what_the_person_does_is_told_once_a_minute_and_what_a_page_does_never(
    sessions: Sessions, clock: Clock, ann: Visitor, stub: StubPlatform
) -> None:
    sessions.find(ann, active=True)
    sessions.find(ann, active=True)
    assert resumed(stub) == [True]
    for _ in range(3):
        clock.now += FRESH_SECONDS + 1
        sessions.find(ann)
    assert resumed(stub) == [True, False, False, False]
    clock.now += NOTED_EVERY_SECONDS
    sessions.find(ann)
    sessions.find(ann, active=True)
    assert resumed(stub)[4:] == [False, True]


def test_another_browser_with_the_same_handle_is_asked_for(
    sessions: Sessions, ann: Visitor, stub: StubPlatform
) -> None:
    sessions.find(ann)
    sessions.find(replace(ann, agent="curl/8"))
    assert [body["agent"] for _, body in stub.web if "active" in body] == [AGENT, "curl/8"]


def test_an_ended_session_is_gone_at_once_and_everywhere(
    sessions: Sessions, clock: Clock, ann: Visitor, stub: StubPlatform
) -> None:
    sessions.find(ann)
    sessions.end(ann)
    assert sessions.find(ann) is None
    assert Sessions(clock).find(ann) is None
    assert not stub.handles
    sessions.end(ann)
    sessions.end(Visitor())


def test_an_end_that_the_platform_did_not_hear_is_told_again(
    sessions: Sessions, ann: Visitor, stub: StubPlatform
) -> None:
    sessions.find(ann)
    stub.is_down = True
    with pytest.raises(Unreachable):
        sessions.end(ann)
    stub.is_down = False
    assert sessions.find(ann) is None
    assert not stub.handles


def test_an_end_while_the_platform_answers_is_not_undone(
    sessions: Sessions, ann: Visitor, stub: StubPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        said = stub(request)
        if request.url.path.endswith("/resume"):
            sessions.end(ann)
        return said

    signet = Signet("https://platform.test", transport=httpx.MockTransport(answer))
    monkeypatch.setattr("frontend.upstream.platform", lambda: signet)
    sessions.find(ann)
    assert sessions.recall(ann) is None


def test_while_the_platform_is_silent_pages_go_on_for_minutes(
    sessions: Sessions, clock: Clock, ann: Visitor, stub: StubPlatform
) -> None:
    sessions.find(ann)
    stub.is_down = True
    clock.now += UNANSWERED_SECONDS
    assert sessions.find(ann)
    clock.now += 1
    with pytest.raises(Unreachable):
        sessions.find(ann)


def test_who_is_not_known_is_not_let_in_while_the_platform_is_silent(
    sessions: Sessions, ann: Visitor, stub: StubPlatform
) -> None:
    stub.is_down = True
    with pytest.raises(Unreachable):
        sessions.find(ann)


def test_a_certificate_that_the_platform_refuses_is_no_end_of_a_session(
    sessions: Sessions, ann: Visitor, stub: StubPlatform
) -> None:
    stub.refusals["POST", "/v1/web-sessions/resume"] = problem(401, "invalid-certificate", "Not the web app.")
    with pytest.raises(Unauthenticated):
        sessions.find(ann)


def test_the_store_holds_nothing_that_could_be_replayed(sessions: Sessions, ann: Visitor, stub: StubPlatform) -> None:
    sessions.find(ann)
    seen = repr(vars(sessions)) + repr(ann)
    assert ann.handle not in seen
    assert not [token for token in stub.sessions if token in seen]


def test_what_is_not_asked_for_any_more_is_dropped(
    sessions: Sessions, clock: Clock, stub: StubPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frontend.sessions._MOST", 2)
    old = [Visitor(handle_for("expert"), AGENT) for _ in range(2)]
    for visitor in old:
        sessions.find(visitor)
    clock.now += UNANSWERED_SECONDS + 1
    new = Visitor(handle_for("expert"), AGENT)
    sessions.find(new)
    assert [sessions.recall(visitor) is None for visitor in (*old, new)] == [True, True, False]
