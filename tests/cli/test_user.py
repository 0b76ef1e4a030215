"""People, kept from the terminal."""

import pyotp
import pytest

from backend.database import db
from backend.errors import InvalidCredentials
from backend.identity import second_factor
from backend.identity.authority_files import ensure_encryption_key
from backend.identity.sessions import verify_password
from backend.identity.users import INITIAL_PASSWORD, ensure_administrator, find_user

PASSWORD = "a long enough secret"


@pytest.fixture
def ada(terminal):
    assert terminal("user", "add", "ada", "--role", "admin", typed=f"{PASSWORD}\n").exit_code == 0
    return "ada"


def signs_in(password, username="ada"):
    db.session.rollback()
    verify_password(find_user(username), password)


def test_password_comes_from_a_pipe_and_is_not_shown(terminal, ada):
    signs_in(PASSWORD)
    assert PASSWORD not in terminal("user", "list").stdout


def test_generated_password_is_shown_once_and_works(terminal):
    result = terminal("user", "add", "grace", "--role", "expert", "--generate")
    signs_in(result.stdout.split("shown this once: ")[1].strip(), "grace")


def test_password_is_never_an_argument(terminal):
    for words in (("add", "ada", "--role", "admin", PASSWORD), ("password", "ada", PASSWORD)):
        assert terminal("user", *words).exit_code == 2


def test_weak_password_is_refused_and_nobody_is_made(terminal):
    result = terminal("user", "add", "ada", "--role", "admin", typed="short\n")
    assert (result.exit_code, result.stderr) == (2, "Error: A password has 12 to 128 characters.\n")
    assert terminal.json("user", "list") == []


def test_list_says_who_may_do_what(terminal, ada):
    (person,) = terminal.json("user", "list")
    assert (person["username"], person["role"], person["state"]) == ("ada", "admin", "active")
    assert "ada" in terminal("user", "list").stdout


def test_new_password_replaces_the_old_one(terminal, ada):
    result = terminal("user", "password", "ada", "--generate")
    signs_in(result.stdout.split("shown this once: ")[1].strip())
    with pytest.raises(InvalidCredentials):
        signs_in(PASSWORD)


def test_initial_password_file_goes_with_the_password(terminal, app, settings):
    ensure_administrator(settings)
    db.session.commit()
    assert terminal("user", "password", "admin", "--generate").exit_code == 0
    assert not (settings.certs / INITIAL_PASSWORD).exists()


def test_unknown_person_is_refused_before_a_password_is_asked(terminal, ada):
    result = terminal("user", "password", "bob")
    assert (result.exit_code, result.stderr) == (2, "Error: There is no user named 'bob'.\n")


def test_role_is_changed_and_an_unknown_one_refused(terminal, ada):
    terminal("user", "add", "grace", "--role", "expert", "--generate")
    assert terminal("user", "role", "grace", "scientist").exit_code == 0
    assert [person["role"] for person in terminal.json("user", "list")] == ["admin", "scientist"]
    assert terminal("user", "role", "grace", "king").exit_code == 2


def test_last_administrator_stays(terminal, ada):
    for words in (("disable", "ada"), ("role", "ada", "expert")):
        result = terminal("user", *words)
        assert result.exit_code == 2
        assert "last administrator" in result.stderr


def test_disabled_person_is_let_in_again(terminal, ada):
    terminal("user", "add", "grace", "--role", "expert", typed=f"{PASSWORD}\n")
    assert terminal("user", "disable", "grace").exit_code == 0
    with pytest.raises(InvalidCredentials):
        signs_in(PASSWORD, "grace")
    assert terminal("user", "enable", "grace").exit_code == 0
    signs_in(PASSWORD, "grace")


def test_lost_second_factor_is_reset(terminal, ada, settings):
    ensure_encryption_key(settings)
    user = find_user("ada")
    totp = pyotp.TOTP(second_factor.begin(settings, user).secret)
    second_factor.confirm(settings, user, totp.now())
    db.session.commit()
    assert second_factor.is_in_use(user)
    assert terminal("user", "otp-reset", "ada").exit_code == 0
    db.session.rollback()
    assert not second_factor.is_in_use(find_user("ada"))
    (reset,) = terminal.json("audit", "list", "--event", "second_factor.reset")
    assert reset["actor"].startswith("cli:")
    assert terminal("user", "otp-reset", "bob").exit_code == 2
