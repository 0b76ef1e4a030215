"""One-time passwords: enrolled, asked for, used once; recovery codes; taken away again."""

from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import Conflict, InvalidCredentials, OtpRequired, UnsafeSettings
from backend.identity import second_factor
from backend.identity.sign_in_tables import RecoveryCode, SecondFactor
from backend.identity.tables import User
from backend.settings import Settings
from tests.identity.conftest import Clock, at_once


def _person(name: str) -> User:
    user = User(username=name, password_hash="x", role="expert")
    db.session.add(user)
    db.session.commit()
    return user


@pytest.fixture
def ada(storage: Flask, clock: Clock) -> User:
    return _person("ada")


class App:
    """An authenticator app on the person's telephone."""

    def __init__(self, settings: Settings, user: User, clock: Clock) -> None:
        self.enrolment = second_factor.begin(settings, user)
        self.totp, self.clock = pyotp.TOTP(self.enrolment.secret), clock
        self.recovery_codes = second_factor.confirm(settings, user, self.code)
        db.session.commit()

    @property
    def code(self) -> str:
        return self.totp.at(self.clock.moment)


@pytest.fixture
def phone(settings: Settings, ada: User, clock: Clock) -> App:
    """Ada's, enrolled; its first code was used, and the next is shown."""
    phone = App(settings, ada, clock)
    clock.forward(seconds=30)
    return phone


def _told() -> list[tuple[str, str]]:
    return [(e.event, e.actor) for e in db.session.scalars(select(AuditEvent).order_by(AuditEvent.position))]


def test_nobody_is_asked_who_has_none(settings: Settings, ada: User) -> None:
    second_factor.verify_code(settings, ada, None)
    second_factor.verify_code(settings, ada, "123456")
    assert not second_factor.is_in_use(ada)


def test_it_is_asked_for_only_once_confirmed(settings: Settings, ada: User, clock: Clock) -> None:
    enrolment = second_factor.begin(settings, ada)
    second_factor.verify_code(settings, ada, None)
    with pytest.raises(InvalidCredentials):
        second_factor.confirm(settings, ada, "000000")
    second_factor.confirm(settings, ada, pyotp.TOTP(enrolment.secret).at(clock.moment))
    assert second_factor.is_in_use(ada)
    with pytest.raises(OtpRequired):
        second_factor.verify_code(settings, ada, None)


def test_the_uri_is_what_an_app_reads(settings: Settings, ada: User) -> None:
    enrolment = second_factor.begin(settings, ada)
    parsed = pyotp.parse_uri(enrolment.uri)
    assert (parsed.secret, parsed.name, parsed.issuer) == (enrolment.secret, "ada", "Signet")
    assert enrolment.secret not in repr(enrolment)


def test_a_new_beginning_replaces_one_that_was_not_confirmed(settings: Settings, ada: User, clock: Clock) -> None:
    first, second = second_factor.begin(settings, ada), second_factor.begin(settings, ada)
    with pytest.raises(InvalidCredentials):
        second_factor.confirm(settings, ada, pyotp.TOTP(first.secret).at(clock.moment))
    second_factor.confirm(settings, ada, pyotp.TOTP(second.secret).at(clock.moment))


def test_one_that_is_in_use_is_not_replaced(settings: Settings, ada: User, phone: App) -> None:
    with pytest.raises(Conflict):
        second_factor.begin(settings, ada)
    with pytest.raises(Conflict):
        second_factor.confirm(settings, ada, phone.code)


def test_there_must_be_something_to_confirm(settings: Settings, ada: User) -> None:
    with pytest.raises(Conflict):
        second_factor.confirm(settings, ada, "123456")


def test_a_code_is_good_once(settings: Settings, ada: User, phone: App) -> None:
    code = phone.code
    second_factor.verify_code(settings, ada, code)
    db.session.commit()
    with pytest.raises(InvalidCredentials):
        second_factor.verify_code(settings, ada, code)
    phone.clock.forward(seconds=30)
    second_factor.verify_code(settings, ada, f"{phone.code[:3]} {phone.code[3:]}")


def test_the_code_that_confirmed_is_spent(settings: Settings, ada: User, phone: App) -> None:
    with pytest.raises(InvalidCredentials):
        second_factor.verify_code(settings, ada, phone.totp.at(phone.clock.moment - timedelta(seconds=30)))


def test_of_simultaneous_uses_of_a_code_one_wins(storage: Flask, settings: Settings, ada: User, phone: App) -> None:
    user_id, code = ada.id, phone.code
    db.session.rollback()
    results = at_once(storage, lambda: second_factor.verify_code(settings, db.session.get_one(User, user_id), code), 5)
    assert [result for result in results if result is None] == [None]
    assert sum(isinstance(result, InvalidCredentials) for result in results) == 4


@pytest.mark.parametrize(("seconds", "good"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_clocks_may_differ_by_one_step(settings: Settings, ada: User, phone: App, seconds: int, *, good: bool) -> None:
    phone.clock.forward(seconds=300)
    code = phone.totp.at(phone.clock.moment + timedelta(seconds=seconds))
    if good:
        second_factor.verify_code(settings, ada, code)
        return
    with pytest.raises(InvalidCredentials):
        second_factor.verify_code(settings, ada, code)


def test_a_step_back_is_not_taken_after_a_later_one(settings: Settings, ada: User, phone: App) -> None:
    phone.clock.forward(seconds=300)
    second_factor.verify_code(settings, ada, phone.totp.at(phone.clock.moment + timedelta(seconds=30)))
    with pytest.raises(InvalidCredentials):
        second_factor.verify_code(settings, ada, phone.code)


def test_a_recovery_code_stands_in_once(settings: Settings, ada: User, phone: App) -> None:
    assert len(set(phone.recovery_codes)) == 10
    assert all(len(code) == 19 for code in phone.recovery_codes)
    for code in (phone.recovery_codes[0], phone.recovery_codes[1].lower().replace("-", " ")):
        second_factor.verify_code(settings, ada, code)
        db.session.commit()
        with pytest.raises(InvalidCredentials):
            second_factor.verify_code(settings, ada, code)
    used = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "recovery_code.used")).all()
    assert [event.facts for event in used] == [{"left": 9}, {"left": 8}]


@pytest.mark.parametrize(
    "code", ["12345", "1234567", "abcdef", "AAAA-AAAA-AAAA-AAAA", "\u0661\u0662\u0663\u0664\u0665\u0666", "x" * 64]
)
def test_what_is_no_code_is_wrong(settings: Settings, ada: User, phone: App, code: str) -> None:
    with pytest.raises(InvalidCredentials):
        second_factor.verify_code(settings, ada, code)


def test_codes_of_others_are_wrong(settings: Settings, ada: User, phone: App) -> None:
    other = App(settings, _person("bob"), phone.clock)
    for code in (other.recovery_codes[0], other.code):
        with pytest.raises(InvalidCredentials):
            second_factor.verify_code(settings, ada, code)


def test_secrets_and_codes_are_nowhere_in_clear(settings: Settings, ada: User, phone: App) -> None:
    factor = db.session.get_one(SecondFactor, ada.id)
    kept = factor.sealed_secret + "".join(db.session.scalars(select(RecoveryCode.code_hash)))
    assert phone.enrolment.secret not in kept
    assert not any(code in kept or code.replace("-", "") in kept for code in phone.recovery_codes)


def test_a_sealed_secret_opens_under_its_own_person_only(settings: Settings, ada: User, phone: App) -> None:
    bob = _person("bob")
    App(settings, bob, phone.clock)
    db.session.get_one(SecondFactor, ada.id).sealed_secret = db.session.get_one(SecondFactor, bob.id).sealed_secret
    db.session.commit()
    with pytest.raises(UnsafeSettings, match="does not open"):
        second_factor.verify_code(settings, ada, "123456")


def test_it_is_removed_by_oneself_or_reset_by_another(settings: Settings, ada: User, phone: App) -> None:
    second_factor.remove(ada, actor="ada")
    db.session.commit()
    second_factor.verify_code(settings, ada, None)
    assert db.session.scalars(select(RecoveryCode)).all() == []
    second_factor.remove(ada, actor="admin")  # where there is none, nothing is told
    App(settings, ada, phone.clock)
    second_factor.remove(ada, actor="cli:root")
    db.session.commit()
    assert _told() == [
        ("second_factor.added", "ada"), ("second_factor.removed", "ada"), ("second_factor.added", "ada"),
        ("second_factor.reset", "cli:root"),
    ]  # fmt: skip


def test_it_goes_with_the_person(settings: Settings, ada: User, phone: App) -> None:
    db.session.delete(ada)
    db.session.commit()
    assert db.session.scalars(select(SecondFactor)).all() == []
    assert db.session.scalars(select(RecoveryCode)).all() == []
