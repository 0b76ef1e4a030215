"""The first administrator, and that there is always one."""

import stat
import threading

import pytest
from flask import Flask

from backend.database import db
from backend.errors import Conflict, NotFound, SignetError
from backend.identity import users
from backend.identity.principal import Role
from backend.settings import Settings
from tests.conftest import PASSWORD


def test_the_first_start_makes_one_administrator(app: Flask, settings: Settings) -> None:
    password = users.ensure_administrator(settings)
    db.session.commit()
    path = settings.certs / users.INITIAL_PASSWORD
    assert path.read_text().strip() == password
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert users.get_user_named("admin").role == Role.ADMIN
    assert users.ensure_administrator(settings) is None


def test_the_file_goes_when_the_password_is_changed(app: Flask, settings: Settings) -> None:
    password = users.ensure_administrator(settings)
    assert password
    users.create_user("ada", PASSWORD, Role.EXPERT)
    users.set_password(settings, users.get_user_named("ada"), "another long password")
    assert (settings.certs / users.INITIAL_PASSWORD).exists()
    users.change_password(settings, users.get_user_named("admin"), password, "another long password")
    assert not (settings.certs / users.INITIAL_PASSWORD).exists()


def test_a_name_is_one_name_whatever_its_case(app: Flask) -> None:
    users.create_user("Ada", PASSWORD, Role.EXPERT)
    db.session.commit()
    with pytest.raises(Conflict):
        users.create_user("ADA", PASSWORD, Role.EXPERT)
    db.session.rollback()
    assert users.get_user_named(" aDa ").username == "ada"


def test_a_name_of_nobody_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound, match="nobody"):
        users.get_user_named("nobody")


def test_two_administrators_cannot_remove_each_other_at_once(app: Flask) -> None:
    for name in ("ada", "bob"):
        users.create_user(name, PASSWORD, Role.ADMIN)
    db.session.commit()
    start = threading.Barrier(2)
    refused: list[SignetError] = []

    def remove(name: str) -> None:
        with app.app_context():
            user = users.get_user_named(name)
            db.session.rollback()
            start.wait()
            try:
                users.delete_user(users.get_user(user.id))
                db.session.commit()
            except SignetError as error:
                refused.append(error)
                db.session.rollback()

    threads = [threading.Thread(target=remove, args=(name,)) for name in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.expire_all()
    assert len(refused) == 1
    assert len(users.list_users()) == 1


def test_what_is_rolled_back_was_never_there(app: Flask) -> None:
    users.create_user("ada", PASSWORD, Role.EXPERT)
    db.session.rollback()
    assert users.list_users() == []
