"""Users: kept by administrators."""

from datetime import datetime

from pydantic import Field

from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.database import db
from backend.errors import Conflict
from backend.identity import second_factor, users
from backend.identity.principal import Permission, Principal, Role
from backend.identity.tables import User

endpoints = Endpoints("Users")


class NewUser(Body):
    username: str = Field(max_length=64)
    password: str = Field(max_length=1024, repr=False)
    role: Role


class UserChange(Body):
    role: Role | None = None
    password: str | None = Field(None, max_length=1024, repr=False)
    disabled: bool | None = None


class UserAnswer(Answer):
    id: str
    username: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    second_factor: bool = Field(description="Whether a code is asked for at sign-in")


class UserList(Answer):
    items: list[UserAnswer]


@endpoints.get("/v1/users", access=Permission.MANAGE_USERS, answer=UserList)
def list_users() -> dict[str, object]:
    """Everybody, by name."""
    with_factor = second_factor.users_of_one()
    return {"items": [_facts(user, with_factor) for user in users.list_users()]}


@endpoints.post("/v1/users", access=Permission.MANAGE_USERS, answer=UserAnswer, status=201, refuses=(Conflict,))
def create_user(body: NewUser, actor: Principal) -> dict[str, object]:
    """Admit a person."""
    return _facts(users.create_user(body.username, body.password, body.role, actor=actor.actor), frozenset())


@endpoints.get("/v1/users/{user_id}", access=Permission.MANAGE_USERS, answer=UserAnswer)
def read_user(user_id: str) -> dict[str, object]:
    """One person."""
    return _facts(users.get_user(user_id), second_factor.users_of_one())


@endpoints.patch("/v1/users/{user_id}", access=Permission.MANAGE_USERS, answer=UserAnswer, refuses=(Conflict,))
def change_user(user_id: str, body: UserChange, actor: Principal, platform: Platform) -> dict[str, object]:
    """Another role, a new password, or let in no more. The last administrator stays one."""
    user = users.get_user(user_id)
    if body.role is not None:
        users.change_role(user, body.role, actor=actor.actor)
    if body.password is not None:
        users.set_password(platform.settings, user, body.password, actor=actor.actor)
    if body.disabled is not None:
        (users.disable_user if body.disabled else users.enable_user)(user, actor=actor.actor)
    db.session.flush()
    return _facts(user, second_factor.users_of_one())


@endpoints.delete("/v1/users/{user_id}", access=Permission.MANAGE_USERS, refuses=(Conflict,))
def delete_user(user_id: str, actor: Principal) -> None:
    """Remove a person for good, signed out at once."""
    users.delete_user(users.get_user(user_id), actor=actor.actor)


def _facts(user: User, with_factor: frozenset[str]) -> dict[str, object]:
    facts = {name: getattr(user, name) for name in ("id", "username", "role", "created_at", "disabled_at")}
    return facts | {"second_factor": user.id in with_factor}
