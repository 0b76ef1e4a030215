"""Signing in as a whole: slowed, counted, told to the journal, asked for a code; the database decides, not the process."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select

from backend.audit import journal
from backend.audit.tables import AuditEvent
from backend.database import db, now
from backend.errors import InvalidCredentials, InvalidToken, OtpRequired, TooManyRequests
from backend.identity import backoff, passwords, second_factor, sessions
from backend.identity.backoff import ONE_ACCOUNT
from backend.identity.principal import Role
from backend.identity.signing_in import Claim, proving, sign_in, verify_claim
from backend.identity.tables import Session, User
from backend.identity.users import create_user
from backend.settings import Settings
from tests.conftest import PASSWORD

HOUR = timedelta(hours=1)
HOME = "192.0.2.1"


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing at a cost that lets a test sign in a hundred times."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@pytest.fixture
def ada(storage: Flask) -> User:
    user = create_user("ada", PASSWORD, Role.EXPERT)
    db.session.commit()
    return user


def _claim(password: str = PASSWORD, otp: str | None = None, username: str = " ADA ", place: str = HOME) -> Claim:
    return Claim(username, password, otp, place)


def _told() -> list[tuple[str, str, str, str, object]]:
    db.session.rollback()
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.position)).all()
    return [(e.event, e.actor, e.target, e.outcome, e.facts) for e in events]


def _attempt(settings: Settings, claim: Claim) -> str:
    """What came of it, as a root leaves it."""
    try:
        sign_in(settings, claim, HOUR)
    except Exception as error:
        db.session.rollback()
        return type(error).__name__
    db.session.commit()
    return "in"


def test_a_sign_in_starts_a_session_that_the_journal_knows(settings: Settings, ada: User) -> None:
    assert _attempt(settings, _claim()) == "in"
    session = db.session.scalars(select(Session)).one()
    assert session.user_id == ada.id
    expected = ("person.signed_in", "ada", f"session:{session.id}", "done", {"role": "expert"})
    assert _told()[-1] == expected


def test_a_failed_one_is_told_with_the_name_as_it_was_given(settings: Settings, ada: User) -> None:
    assert _attempt(settings, _claim("wrong password here")) == "InvalidCredentials"
    assert _attempt(settings, _claim(username="nobody")) == "InvalidCredentials"
    told = _told()[1:]
    facts = {"factor": "password"}
    assert told == [
        ("person.sign_in_failed", "", "user:ada", "failed", facts),
        ("person.sign_in_failed", "", "user:nobody", "failed", facts),
    ]


def test_what_cannot_be_a_name_may_be_a_password_and_is_not_told(settings: Settings, ada: User) -> None:
    _attempt(settings, _claim("ada", username=PASSWORD))
    assert _told()[-1][2] == "user:(not a username)"
    assert not any(PASSWORD in str(line) for line in _told())


def test_neither_claim_nor_error_shows_the_password(settings: Settings, ada: User) -> None:
    assert PASSWORD not in repr(_claim(otp="123456"))
    assert "123456" not in repr(_claim(otp="123456"))


def test_guesses_are_slowed_and_a_right_password_in_time_is_not(settings: Settings, ada: User) -> None:
    for _ in range(ONE_ACCOUNT.free - 1):
        assert _attempt(settings, _claim("wrong password here")) == "InvalidCredentials"
    assert _attempt(settings, _claim()) == "in"
    for _ in range(ONE_ACCOUNT.free):
        _attempt(settings, _claim("wrong password here"))
    with pytest.raises(TooManyRequests, match="Try again in 1 seconds"):
        verify_claim(settings, _claim())
    assert _attempt(settings, _claim(place="198.51.100.1")) == "in"


def test_a_disabled_person_is_an_unknown_one(settings: Settings, ada: User) -> None:
    ada.disabled_at = datetime.now(UTC)
    db.session.commit()
    assert _attempt(settings, _claim()) == "InvalidCredentials"


def test_an_old_hash_is_made_anew_at_the_next_sign_in(settings: Settings, ada: User) -> None:
    ada.password_hash = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1).hash(PASSWORD)
    db.session.commit()
    assert _attempt(settings, _claim()) == "in"
    assert "t=1" in db.session.get_one(User, ada.id).password_hash
    assert _attempt(settings, _claim()) == "in"


@pytest.fixture
def code_of(settings: Settings, ada: User, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Ada has a second factor; each call gives the code of the next half minute."""
    moment = datetime(2026, 11, 23, tzinfo=UTC)

    def now() -> datetime:
        return moment

    monkeypatch.setattr(second_factor, "now", now)
    totp = pyotp.TOTP(second_factor.begin(settings, ada).secret)
    second_factor.confirm(settings, ada, totp.at(moment))
    db.session.commit()

    def next_code() -> str:
        nonlocal moment
        moment += timedelta(seconds=30)
        return totp.at(moment)

    return next_code


def test_a_code_is_asked_for_only_after_the_right_password(
    settings: Settings, ada: User, code_of: Callable[[], str]
) -> None:
    code = code_of()
    assert _attempt(settings, _claim("wrong password here")) == "InvalidCredentials"
    assert _attempt(settings, _claim("wrong password here", code)) == "InvalidCredentials"
    assert _attempt(settings, _claim()) == "OtpRequired"
    assert _attempt(settings, _claim(otp="")) == "OtpRequired"
    assert _attempt(settings, _claim(otp=code)) == "in"
    assert _attempt(settings, _claim(otp=code)) == "InvalidCredentials"
    failed = [(target, facts) for event, _, target, _, facts in _told() if event == "person.sign_in_failed"]
    assert failed == [("user:ada", {"factor": "password"}), ("user:ada", {"factor": "code"})]  # equal ones are one


def test_asking_for_the_code_is_no_failure(settings: Settings, ada: User, code_of: Callable[[], str]) -> None:
    for _ in range(3 * ONE_ACCOUNT.free):
        with pytest.raises(OtpRequired):
            verify_claim(settings, _claim())
    assert _attempt(settings, _claim(otp=code_of())) == "in"


def test_who_knows_the_password_guesses_codes_as_slowly_from_everywhere(
    settings: Settings, ada: User, code_of: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _attempt(settings, _claim(otp=code_of())) == "in"
    moment = now()
    monkeypatch.setattr(
        backoff, "now", lambda: moment
    )  # on a busy machine the waits would be over before the next attempt
    ends = [_attempt(settings, _claim(otp="000000", place=f"203.0.113.{i}")) for i in range(ONE_ACCOUNT.free + 5)]
    assert ends == ["InvalidCredentials"] * ONE_ACCOUNT.free + ["TooManyRequests"] * 5
    assert _attempt(settings, _claim(otp=code_of())) == "in"


def test_a_code_that_nobody_asked_for_is_not_looked_at(settings: Settings, ada: User) -> None:
    assert _attempt(settings, _claim(otp="123456")) == "in"


class TestProving:
    def test_whoever_found_an_open_session_cannot_guess_for_long(self, ada: User) -> None:
        def prove() -> None:
            with proving(ada, "s1"):
                raise InvalidCredentials("Wrong username or password.")

        for _ in range(ONE_ACCOUNT.free):
            with pytest.raises(InvalidCredentials):
                prove()
        with pytest.raises(TooManyRequests):
            prove()
        facts = {"factor": "proof"}
        assert _told()[-1] == ("person.sign_in_failed", "ada", "user:ada", "failed", facts)

    def test_a_proof_forgets_the_failures_before(self, ada: User) -> None:
        for _ in range(3 * ONE_ACCOUNT.free):
            with proving(ada, "s1"):
                pass
            db.session.commit()


class TestSessions:
    def test_the_end_is_told(self, settings: Settings, ada: User) -> None:
        session = sign_in(settings, _claim(), HOUR)
        sessions.end_session(session.id, actor="ada")
        db.session.commit()
        assert _told()[-1] == ("session.ended", "ada", f"session:{session.id}", "done", {})

    def test_a_session_of_a_disabled_person_is_over(self, settings: Settings, ada: User) -> None:
        session = sign_in(settings, _claim(), HOUR)
        assert sessions.verify_session(session.id).name == "ada"
        ada.disabled_at = datetime.now(UTC)
        with pytest.raises(InvalidToken):
            sessions.verify_session(session.id)

    def test_a_second_use_of_a_refresh_token_ends_the_session_and_is_told_with_it(
        self, settings: Settings, ada: User
    ) -> None:
        session = sign_in(settings, _claim(), HOUR)
        session_id, refresh_id = session.id, session.refresh_id
        db.session.commit()
        journal.enter(address="192.0.2.9", request_id="r-9")
        sessions.rotate_refresh(session_id, refresh_id)
        db.session.commit()
        with pytest.raises(InvalidToken):
            sessions.rotate_refresh(session_id, refresh_id)
        journal.leave()
        assert _told()[-1] == ("session.reused", "ada", f"session:{session_id}", "refused", {})
        with pytest.raises(InvalidToken):
            sessions.verify_session(session_id)

    def test_a_refresh_token_of_no_session_is_told_of_nobody(self, storage: Flask) -> None:
        with pytest.raises(InvalidToken):
            sessions.rotate_refresh("none", "none")
        assert _told()[-1] == ("session.reused", "", "session:none", "refused", {})
