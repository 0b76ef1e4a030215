"""Guessing is slow from everywhere, and nobody can keep another person out."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from backend.database import db
from backend.errors import TooManyRequests
from backend.identity import backoff
from backend.identity.backoff import ONE_ACCOUNT, WIDELY, Attempt, begin_attempt, begin_code, network_of
from backend.identity.sign_in_tables import KnownPlace, SignInFailures
from backend.identity.tables import User
from tests.identity.conftest import Clock, at_once

HOME, ATTACKER = "192.0.2.1", "203.0.113.9"


@pytest.fixture
def ada(storage: Flask, clock: Clock) -> str:
    """The id of a person who has signed in from home before."""
    user = User(username="ada", password_hash="x", role="expert")
    db.session.add(user)
    db.session.commit()
    _succeed(begin_attempt("ada", HOME), user)
    return user.id


def _succeed(attempt: Attempt, user: User) -> None:
    backoff.succeed(attempt, user)
    db.session.commit()


def _refused(account: str, place: str, **more: bool) -> int:
    """For how many seconds an attempt is put off; 0 where it may be made, and then counts as a failure."""
    try:
        begin_attempt(account, place, **more)
    except TooManyRequests as error:
        return error.retry_after
    return 0


def _fail(account: str, place: str, times: int, clock: Clock) -> None:
    """Guess as fast as one may."""
    for _ in range(times):
        while wait := _refused(account, place):
            clock.forward(seconds=wait)


def test_after_some_failures_each_makes_the_next_wait_twice_as_long(storage: Flask, clock: Clock) -> None:
    assert [_refused("ada", ATTACKER) for _ in range(ONE_ACCOUNT.free)] == [0] * ONE_ACCOUNT.free
    waits = []
    for _ in range(13):
        waits.append(_refused("ada", ATTACKER))
        clock.forward(seconds=waits[-1])
        assert _refused("ada", ATTACKER) == 0
    assert waits[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert set(waits[11:]) <= {512, ONE_ACCOUNT.longest}  # one is forgotten at times
    assert max(waits) == ONE_ACCOUNT.longest


def test_who_is_told_to_wait_neither_gains_nor_loses_by_trying(storage: Flask, clock: Clock) -> None:
    _fail("ada", ATTACKER, 15, clock)
    wait = _refused("ada", ATTACKER)
    assert wait == 32
    assert [_refused("ada", ATTACKER) for _ in range(20)] == [wait] * 20
    clock.forward(seconds=wait - 0.5)
    assert _refused("ada", ATTACKER) == 1
    clock.forward(seconds=0.5)
    assert _refused("ada", ATTACKER) == 0


def test_failures_are_forgotten_one_by_one(storage: Flask, clock: Clock) -> None:
    _fail("ada", ATTACKER, 12, clock)
    clock.forward(seconds=5 * ONE_ACCOUNT.forgiving)
    assert [_refused("ada", ATTACKER) for _ in range(4)] == [0, 0, 0, 1]
    clock.forward(days=2)
    assert [_refused("ada", ATTACKER) for _ in range(ONE_ACCOUNT.free)] == [0] * ONE_ACCOUNT.free


def test_a_patient_guesser_gets_some_hundred_guesses_a_day(storage: Flask, clock: Clock) -> None:
    begun, guesses = clock.moment, 0
    while clock.moment < begun + timedelta(days=1):
        clock.forward(seconds=_refused("ada", ATTACKER))
        guesses += 1
    assert 90 < guesses / 2 < 140  # every other one was told to wait


def test_nobody_is_kept_out_from_where_they_came_before(ada: str, clock: Clock) -> None:
    for number in range(80):
        for _ in range(2):
            _refused("ada", f"203.0.113.{number}")
    assert _refused("ada", "198.51.100.7") > 0  # from elsewhere, guessing is slow by now
    assert _refused("ada", HOME) == 0


def test_guesses_from_everywhere_on_one_account_are_slow_together(ada: str, clock: Clock) -> None:
    passed = sum(_refused("ada", f"2001:db8:0:{number:x}::/64") == 0 for number in range(80))
    assert passed == WIDELY.free
    clock.forward(minutes=1)
    assert [_refused("ada", f"198.51.100.{number}") > 0 for number in range(3)] == [False, True, True]


def test_one_network_cannot_try_one_password_on_every_account(ada: str, clock: Clock) -> None:
    assert sum(_refused(f"person-{number}", ATTACKER) == 0 for number in range(80)) == WIDELY.free
    assert _refused("zoe", ATTACKER) > 0
    assert _refused("zoe", HOME) == 0


def test_a_network_that_is_slowed_still_lets_in_who_came_from_there(ada: str, clock: Clock) -> None:
    for number in range(80):
        _refused(f"person-{number}", HOME)
    assert _refused("zoe", HOME) > 0
    assert _refused("ada", HOME) == 0


def test_a_right_password_counts_for_nothing(ada: str, clock: Clock) -> None:
    user = db.session.get_one(User, ada)
    for number in range(70):
        _succeed(begin_attempt("ada", f"198.51.100.{number}"), user)
    assert _refused("ada", "203.0.113.1") == 0


def test_ones_own_account_does_not_clear_the_network_of_guesses_on_others(ada: str, clock: Clock) -> None:
    mallory = User(username="mallory", password_hash="x", role="expert")
    db.session.add(mallory)
    db.session.commit()
    guesses = 0
    for number in range(WIDELY.free + 20):
        if _refused(f"person-{number}", ATTACKER) == 0:
            guesses += 1
        try:
            _succeed(begin_attempt("mallory", ATTACKER), mallory)
        except TooManyRequests:
            continue
    assert guesses == WIDELY.free


def test_a_right_password_forgets_the_failures_from_there(ada: str, clock: Clock) -> None:
    user = db.session.get_one(User, ada)
    for _ in range(5):
        _fail("ada", HOME, ONE_ACCOUNT.free - 1, clock)
        _succeed(begin_attempt("ada", HOME), user)
    assert _refused("ada", HOME) == 0


def test_an_attempt_that_was_no_failure_is_withdrawn(storage: Flask, clock: Clock) -> None:
    for _ in range(3 * WIDELY.free):
        backoff.withdraw(begin_attempt("ada", ATTACKER))
    assert _refused("ada", ATTACKER) == 0


def test_what_is_given_back_leaves_the_wait_of_a_later_failure(storage: Flask, clock: Clock) -> None:
    _fail("ada", ATTACKER, ONE_ACCOUNT.free - 2, clock)
    first = begin_attempt("ada", ATTACKER)
    assert _refused("ada", ATTACKER) == 0
    backoff.withdraw(first)
    assert _refused("ada", ATTACKER) == 1


def test_attempts_at_once_are_as_slow_as_one_after_the_other(storage: Flask) -> None:
    results = at_once(storage, lambda: begin_attempt("ada", ATTACKER), 25)
    assert sum(isinstance(result, Attempt) for result in results) == ONE_ACCOUNT.free
    assert sum(isinstance(result, TooManyRequests) for result in results) == 25 - ONE_ACCOUNT.free


def test_right_passwords_at_once_disturb_each_other_in_nothing(ada: str, storage: Flask) -> None:
    def sign_in() -> None:
        attempt = begin_attempt("ada", HOME)
        backoff.succeed(attempt, db.session.get_one(User, ada))

    assert at_once(storage, sign_in, ONE_ACCOUNT.free) == [None] * ONE_ACCOUNT.free


def test_codes_are_guessed_slowly_from_everywhere_together(ada: str, clock: Clock) -> None:
    def refused(place: str) -> int:
        try:
            begin_code(ada, place)
        except TooManyRequests as error:
            return error.retry_after
        return 0

    assert sum(refused(f"203.0.113.{number}") == 0 for number in range(100)) == ONE_ACCOUNT.free
    assert refused(HOME) == 0


def test_a_session_is_a_place_that_is_known(ada: str, clock: Clock) -> None:
    for number in range(70):
        _refused("ada", f"203.0.113.{number}")
    assert _refused("ada", "session:1", is_known=True) == 0


def test_names_are_not_kept_and_old_failures_are_swept(storage: Flask, clock: Clock) -> None:
    _refused("my secret password", ATTACKER)
    rows = db.session.scalars(select(SignInFailures)).all()
    assert len(rows) == 3
    assert all(len(row.key) == 64 and "secret" not in row.key for row in rows)
    db.session.rollback()
    clock.forward(days=1, seconds=1)
    _refused("another", HOME)
    assert db.session.scalar(select(func.count()).select_from(SignInFailures)) == 3


def test_a_place_is_forgotten_after_a_season(ada: str, clock: Clock) -> None:
    clock.forward(days=89)
    user = db.session.get_one(User, ada)
    _succeed(begin_attempt("ada", "198.51.100.1"), user)
    clock.forward(days=2)
    _succeed(begin_attempt("ada", "198.51.100.2"), user)
    assert set(db.session.scalars(select(KnownPlace.place))) == {"198.51.100.1", "198.51.100.2"}


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("x" * 99, "x" * 64),
    ],
)
def test_a_network_stands_for_its_addresses(address: str, network: str) -> None:
    assert network_of(address) == network
