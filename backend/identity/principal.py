"""Who is calling, and what each role may do: one literal table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from backend.errors import NotAllowed


class Permission(StrEnum):
    """One act on one kind of thing."""

    MANAGE_USERS = "users:manage"
    READ_DATASETS = "datasets:read"
    WRITE_DATASETS = "datasets:write"
    READ_JOBS = "jobs:read"
    RUN_JOBS = "jobs:run"
    READ_MODELS = "models:read"
    PROMOTE_MODELS = "models:promote"
    PREDICT = "models:predict"


class Role(StrEnum):
    """The four people who use the platform."""

    ADMIN = "admin"
    MANAGER = "manager"
    SCIENTIST = "scientist"
    EXPERT = "expert"


_DATA_TO_MODEL = frozenset(
    {
        Permission.READ_DATASETS,
        Permission.WRITE_DATASETS,
        Permission.READ_JOBS,
        Permission.RUN_JOBS,
        Permission.READ_MODELS,
        Permission.PREDICT,
    }
)

ROLES: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: frozenset({Permission.READ_MODELS, Permission.PREDICT}),
    Role.SCIENTIST: _DATA_TO_MODEL | {Permission.PROMOTE_MODELS},
    Role.EXPERT: _DATA_TO_MODEL,
}


@dataclass(frozen=True)
class Principal:
    """A caller whose credential was verified on this request."""

    kind: Literal["person"]
    id: str
    username: str
    role: Role
    session_id: str

    @property
    def permissions(self) -> frozenset[Permission]:
        return ROLES[self.role]

    def verify_may(self, permission: Permission) -> None:
        """NotAllowed unless the caller's role holds the permission."""
        if permission not in self.permissions:
            raise NotAllowed(f"The role '{self.role}' does not hold the permission '{permission}'.")
