"""Codes are good once and for 30 seconds; sessions end when idle, when old, and when they are ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from frontend.sessions import CODE_SECONDS, IDLE_SECONDS, LIFE_SECONDS, Sessions
from signet_client import Signet

PERSON: Any = {"id": "1", "username": "ann", "role": "expert", "permissions": []}
NOBODY = Signet(
    "https://platform.test", transport=httpx.MockTransport(lambda _: httpx.Response(204)), token="secret-token"
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def begin(sessions: Sessions) -> str:
    handle = sessions.exchange(sessions.admit(PERSON, NOBODY))
    assert handle
    return handle


def test_a_code_works_once(sessions: Sessions) -> None:
    code = sessions.admit(PERSON, NOBODY)
    assert sessions.exchange(code)
    assert sessions.exchange(code) is None


def test_a_code_ends(sessions: Sessions, clock: Clock) -> None:
    code = sessions.admit(PERSON, NOBODY)
    clock.now = CODE_SECONDS + 1
    assert sessions.exchange(code) is None


@pytest.mark.parametrize("wrong", ["", "guess", None])
def test_only_a_handle_leads_to_a_session(sessions: Sessions, wrong: str | None) -> None:
    begin(sessions)
    assert sessions.find(wrong) is None


def test_an_idle_session_ends_and_an_active_one_does_not(sessions: Sessions, clock: Clock) -> None:
    handle = begin(sessions)
    clock.now = IDLE_SECONDS
    assert sessions.find(handle, active=True)
    clock.now = 2 * IDLE_SECONDS
    assert sessions.find(handle)
    clock.now += 1
    assert sessions.find(handle) is None


def test_a_page_that_only_refreshes_itself_is_idle(sessions: Sessions, clock: Clock) -> None:
    handle = begin(sessions)
    while clock.now < IDLE_SECONDS:
        assert sessions.find(handle)
        clock.now += 60
    clock.now += 60
    assert sessions.find(handle) is None


def test_no_session_is_older_than_its_life(sessions: Sessions, clock: Clock) -> None:
    handle = begin(sessions)
    while clock.now <= LIFE_SECONDS:
        assert sessions.find(handle, active=True)
        clock.now += 600
    assert sessions.find(handle, active=True) is None


def test_an_ended_session_is_gone(sessions: Sessions) -> None:
    handle = begin(sessions)
    assert sessions.end(handle)
    assert sessions.find(handle) is None
    assert sessions.end(handle) is None
    assert sessions.end(None) is None


def test_the_store_holds_nothing_that_could_be_replayed(sessions: Sessions) -> None:
    code = sessions.admit(PERSON, NOBODY)
    handle = begin(sessions)
    seen = repr(vars(sessions))
    assert code not in seen
    assert handle not in seen
    assert "secret-token" not in seen


def test_the_dead_are_swept(sessions: Sessions, clock: Clock) -> None:
    begin(sessions)
    sessions.admit(PERSON, NOBODY)
    clock.now = LIFE_SECONDS + 1
    sessions.admit(PERSON, NOBODY)
    assert len(sessions._live) == 0
    assert len(sessions._waiting) == 1
