"""Who is calling, and what each role may do: one literal table."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from backend.errors import InsufficientScope, NotAllowed


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
    MANAGE_SUBSCRIBERS = "subscribers:manage"
    READ_TRAFFIC = "traffic:read"
    READ_METRICS = "metrics:read"
    READ_AUDIT = "audit:read"


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
        Permission.READ_TRAFFIC,
    }
)

ROLES: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MANAGER: frozenset(
        {
            Permission.READ_MODELS,
            Permission.PREDICT,
            Permission.READ_TRAFFIC,
            Permission.MANAGE_SUBSCRIBERS,
            Permission.READ_AUDIT,
        }
    ),
    Role.SCIENTIST: _DATA_TO_MODEL | {Permission.PROMOTE_MODELS},
    Role.EXPERT: _DATA_TO_MODEL,
}


# What a machine may do at all; which models it may do it with is said by its own row.
SUBSCRIBER_PERMISSIONS = frozenset({Permission.PREDICT})

EVERY_MODEL = "*"

# What a token of a subscriber can be narrowed to: predictions, or those of one model (`predict:<model>`).
PREDICT_SCOPE = "predict"


@dataclass(frozen=True)
class Principal:
    """A caller whose credential was verified on this request: a person, a subscriber (a machine with a certificate), or our web app.

    `name` is the username or the subscriber's name; `ends_at` is when the credential ends by itself. Of people only: `role`,
    `session_id`. Of subscribers only: `models` (names, or `*` for all), `certificate`, the SHA-256 (hex) of the certificate that was
    presented, `scopes` where a token narrows it, and the allowance (None: no limit).
    """

    kind: Literal["person", "subscriber", "web-app"]
    id: str
    name: str
    role: Role | None = None
    session_id: str = ""
    models: frozenset[str] = frozenset()
    certificate: str = ""
    scopes: frozenset[str] | None = None
    rate_per_minute: int | None = None
    daily_quota: int | None = None
    ends_at: datetime | None = None

    @property
    def actor(self) -> str:
        """How the journal names the caller: no username holds a colon."""
        return f"subscriber:{self.id}" if self.kind == "subscriber" else self.name

    @property
    def subject(self) -> str:
        """Who it is for good, whatever its name becomes; predictions belong to it."""
        return f"{self.kind}:{self.id}"

    @property
    def permissions(self) -> frozenset[Permission]:
        if self.kind == "web-app":
            return frozenset()
        return SUBSCRIBER_PERMISSIONS if self.role is None else ROLES[self.role]

    def verify_may(self, permission: Permission) -> None:
        """NotAllowed unless the caller holds the permission."""
        if permission not in self.permissions:
            who = "A subscriber" if self.role is None else f"The role '{self.role}'"
            raise NotAllowed(f"{who} does not hold the permission '{permission}'.")

    def verify_may_use(self, model: str) -> None:
        """NotAllowed unless the caller may use the model: people may use all, a subscriber those that it was allowed.

        InsufficientScope where only its token is too narrow.
        """
        if not self.is_admitted_to(model):
            raise NotAllowed(f"This subscriber is not allowed to use the model '{model}'.")
        scope = f"{PREDICT_SCOPE}:{model}"
        if self.scopes is not None and self.scopes.isdisjoint({PREDICT_SCOPE, scope}):
            raise InsufficientScope(f"This token does not cover the model '{model}'.", scope=scope)

    def is_admitted_to(self, model: str) -> bool:
        """Whether the model is one of the caller's, whatever a token narrows."""
        return self.kind == "person" or EVERY_MODEL in self.models or model in self.models
