"""The shapes of answers about sessions."""

from __future__ import annotations

from typing import TypedDict

from signet_client.types import Person


class SignedInAt(TypedDict):
    """Where a person is signed in: `browser` in words, `address` empty where it is not known."""

    id: str
    browser: str
    address: str
    created_at: str
    seen_at: str | None
    ends_at: str
    is_web: bool
    is_current: bool


class NewWebSession(TypedDict):
    """For the cookie of a browser: its value, and the seconds that it lives."""

    handle: str
    max_age: int


class WebSession(TypedDict):
    """A person in the web app, with a token (good for `expires_in` seconds) for calls in their name."""

    session_id: str
    access_token: str
    expires_in: int
    person: Person
