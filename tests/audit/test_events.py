"""What a note keeps of what it is given."""

import json
import re

import pytest

from backend.audit.events import Event, Note


def _details(**details: object) -> object:
    return Note(Event.USER_CREATED, "ada", details=details).details


def test_texts_are_cut_and_cannot_steer_a_terminal_or_break_a_database() -> None:
    note = Note(Event.USER_CREATED, "a" * 500, "x\x00\x1b[31m\udc80\u202e", address="y" * 99, request_id="z" * 99)
    assert (len(note.actor), len(note.address), len(note.request_id)) == (128, 64, 64)
    assert note.target == "x\ufffd\ufffd[31m\ufffd\ufffd"


def test_details_are_plain_values() -> None:
    details = _details(
        yes=True, n=3, nothing=None, text="x" * 900, listed=[1, "a"], many={"b", "a"}, huge=2**60, odd=1.5
    )
    assert details == {
        "yes": True, "n": 3, "nothing": None, "text": "x" * 200, "listed": [1, "a"], "many": ["a", "b"], "huge": str(2**60),
        "odd": "1.5",
    }  # fmt: skip
    json.dumps(details, allow_nan=False)


def test_details_are_few() -> None:
    assert len(Note(Event.USER_CREATED, "ada", details={str(i): i for i in range(99)}).details) == 20  # type: ignore[arg-type]
    assert _details(listed=list(range(99))) == {"listed": list(range(20))}


@pytest.mark.parametrize(
    "secret", ["-----BEGIN PRIVATE KEY-----\nabc", "Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"]
)
def test_what_looks_like_a_key_or_a_token_is_left_out(secret: str) -> None:
    note = Note(Event.USER_CREATED, "ada", secret, details={"x": secret, "y": [secret]})
    assert (note.target, note.details) == ("(left out)", {"x": "(left out)", "y": ["(left out)"]})


def test_every_act_is_a_noun_and_a_participle() -> None:
    assert [event for event in Event if not re.fullmatch(r"[a-z_]+\.[a-z_]+", event)] == []
    assert max(len(event) for event in Event) <= 64
