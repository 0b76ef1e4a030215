"""People: created, listed, changed and removed; the platform always keeps an administrator."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from backend.audit.events import SYSTEM, Event
from backend.audit.journal import record
from backend.database import db, now
from backend.errors import Conflict, Invalid, NotFound
from backend.identity.passwords import generate_password, hash_password, verify_hash
from backend.identity.principal import Role
from backend.identity.sessions import end_sessions
from backend.identity.tables import User
from backend.pki.keystore import write_private
from backend.settings import Settings

USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
INITIAL_PASSWORD = "initial-admin-password"  # noqa: S105 - the name of a file


def create_user(username: str, password: str, role: Role, *, actor: str = SYSTEM) -> User:
    """A new person; Conflict where the name is taken, Invalid where name or password break the rules."""
    name = username.strip().lower()
    if not USERNAME.fullmatch(name):
        raise Invalid("A username has 2 to 64 letters, digits and . _ @ - and begins with a letter or digit.")
    user = User(username=name, password_hash=hash_password(password, name), role=role)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(f"There is already a user named '{name}'.") from error
    record(Event.USER_CREATED, actor=actor, target=f"user:{name}", details={"role": role})
    return user


def find_user(username: str) -> User | None:
    """The person of that name, whatever its case."""
    return db.session.scalar(select(User).where(User.username == username.strip().lower()))


def get_user(user_id: str) -> User:
    """The person of that id; NotFound otherwise."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def get_user_named(username: str) -> User:
    """The person of that name; NotFound otherwise."""
    user = find_user(username)
    if user is None:
        raise NotFound(f"There is no user named '{username}'.")
    return user


def list_users() -> Sequence[User]:
    """Everybody, by name."""
    return db.session.scalars(select(User).order_by(User.username)).all()


def change_role(user: User, role: Role, *, actor: str = SYSTEM) -> None:
    """Another role from the next request on; Conflict where no administrator would be left."""
    if role != Role.ADMIN:
        _verify_another_administrator(user)
    _record_change(user, actor, role=role, role_before=user.role)
    user.role = role


def disable_user(user: User, *, actor: str = SYSTEM) -> None:
    """Signed out everywhere at once and not let in again."""
    _verify_another_administrator(user)
    user.disabled_at = user.disabled_at or now()
    end_sessions(user.id)
    _record_change(user, actor, disabled=True)


def enable_user(user: User, *, actor: str = SYSTEM) -> None:
    """Let in again."""
    user.disabled_at = None
    _record_change(user, actor, disabled=False)


def delete_user(user: User, *, actor: str = SYSTEM) -> None:
    """Removed for good, signed out at once."""
    _verify_another_administrator(user)
    record(Event.USER_DELETED, actor=actor, target=f"user:{user.username}", details={"role": user.role})
    db.session.delete(user)


def set_password(settings: Settings, user: User, password: str, *, actor: str = SYSTEM) -> None:
    """A new password set by an administrator or the operator; ends every session of the person."""
    user.password_hash = hash_password(password, user.username)
    user.password_changed_at = now()
    end_sessions(user.id)
    _forget_initial_password(settings, user)
    record(Event.PASSWORD_CHANGED, actor=actor, target=f"user:{user.username}")


def change_password(settings: Settings, user: User, current: str, new: str) -> None:
    """A new password chosen by the person, who proves the current one first."""
    verify_hash(user.password_hash, current)
    set_password(settings, user, new, actor=user.username)


def ensure_administrator(settings: Settings) -> str | None:
    """The first administrator's generated password on the first start, kept in a 0600 file until changed; else None."""
    if db.session.scalar(select(func.count()).select_from(User)):
        return None
    password = generate_password()
    write_private(settings.certs / INITIAL_PASSWORD, f"{password}\n".encode())
    create_user("admin", password, Role.ADMIN)
    return password


def _record_change(user: User, actor: str, **facts: Any) -> None:
    record(Event.USER_CHANGED, actor=actor, target=f"user:{user.username}", details=facts)


def _forget_initial_password(settings: Settings, user: User) -> None:
    """The file of the first start says nothing true any more once the administrator's password is another."""
    if user.username == "admin":
        (settings.certs / INITIAL_PASSWORD).unlink(missing_ok=True)


def _verify_another_administrator(user: User) -> None:
    """Conflict where the person is the last administrator who can sign in."""
    if user.role != Role.ADMIN or user.disabled_at is not None:
        return
    # The write lock makes two administrators who remove each other at once wait for one another.
    db.session.execute(update(User).where(User.role == Role.ADMIN).values(role=User.role))
    others = select(func.count()).select_from(User)
    others = others.where(User.role == Role.ADMIN, User.disabled_at.is_(None), User.id != user.id)
    if not db.session.scalar(others):
        raise Conflict("The last administrator cannot be removed, disabled or given another role.")
