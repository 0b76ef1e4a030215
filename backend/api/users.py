"""Users: kept by administrators."""

from datetime import datetime

from pydantic import Field

from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.database import db
from backend.identity import users
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


class UserList(Answer):
    items: list[UserAnswer]


@endpoints.get("/v1/users", access=Permission.MANAGE_USERS, answer=UserList)
def list_users() -> dict[str, object]:
    """Everybody, by name."""
    return {"items": users.list_users()}


@endpoints.post("/v1/users", access=Permission.MANAGE_USERS, answer=UserAnswer, status=201)
def create_user(body: NewUser, actor: Principal) -> User:
    """Admit a person."""
    return users.create_user(body.username, body.password, body.role, actor=actor.actor)


@endpoints.get("/v1/users/{user_id}", access=Permission.MANAGE_USERS, answer=UserAnswer)
def read_user(user_id: str) -> User:
    """One person."""
    return users.get_user(user_id)


@endpoints.patch("/v1/users/{user_id}", access=Permission.MANAGE_USERS, answer=UserAnswer)
def change_user(user_id: str, body: UserChange, actor: Principal, platform: Platform) -> User:
    """Another role, a new password, or let in no more. The last administrator stays one."""
    user = users.get_user(user_id)
    if body.role is not None:
        users.change_role(user, body.role, actor=actor.actor)
    if body.password is not None:
        users.set_password(platform.settings, user, body.password, actor=actor.actor)
    if body.disabled is not None:
        (users.disable_user if body.disabled else users.enable_user)(user, actor=actor.actor)
    db.session.flush()
    return user


@endpoints.delete("/v1/users/{user_id}", access=Permission.MANAGE_USERS)
def delete_user(user_id: str, actor: Principal) -> None:
    """Remove a person for good, signed out at once."""
    users.delete_user(users.get_user(user_id), actor=actor.actor)
