"""The shapes of the platform's answers; new keys may appear, so read what you know and ignore the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

Role = Literal["admin", "manager", "scientist", "expert"]
Task = Literal["binary", "multiclass", "regression"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
SubscriberState = Literal["active", "suspended"]
CertificateState = Literal["valid", "replaced", "expired", "revoked"]
Outcome = Literal["done", "refused", "failed"]
Value = str | int | float | bool | None
Rows = list[dict[str, Value]]
Row = Sequence[Value] | Mapping[str, Value]

FINAL_STATES: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


class Person(TypedDict):
    id: str
    username: str
    role: Role
    permissions: NotRequired[list[str]]
    second_factor: NotRequired[bool]
    recovery_codes_left: NotRequired[int]


class Histogram(TypedDict):
    """`counts` of rows between neighbouring `edges`."""

    edges: list[Value]
    counts: list[int]


class Counted(TypedDict):
    """How often a value occurs."""

    value: Value
    count: int


class Column(TypedDict):
    """A dataset's column; `type` is integer, number, boolean, category, text or datetime."""

    name: str
    type: str
    missing: int
    distinct: int
    distinct_is_lower_bound: NotRequired[bool]
    examples: NotRequired[list[Value]]
    min: NotRequired[Value]
    max: NotRequired[Value]
    mean: NotRequired[float | None]
    std: NotRequired[float | None]
    histogram: NotRequired[Histogram]
    top: NotRequired[list[Counted]]


class Dataset(TypedDict):
    id: str
    name: str
    rows: int
    columns: list[Column]
    sha256: str
    created_at: NotRequired[str]
    created_by: NotRequired[str]
    bytes: NotRequired[int]
    source_format: NotRequired[str]
    warnings: NotRequired[list[str]]


class Job(TypedDict):
    id: str
    state: JobState
    model: NotRequired[str]
    dataset_id: NotRequired[str]
    target: NotRequired[str]
    task: NotRequired[Task | None]
    algorithm: NotRequired[str]
    progress: NotRequired[float]
    step: NotRequired[str | None]
    metrics: NotRequired[dict[str, float]]
    warnings: NotRequired[list[str]]
    error: NotRequired[str | None]
    run_id: NotRequired[str | None]
    model_version: NotRequired[str | None]
    created_by: NotRequired[str]
    created_at: NotRequired[str]
    started_at: NotRequired[str | None]
    finished_at: NotRequired[str | None]


class Plot(TypedDict):
    """A chart as data: `form` is lines, points, bars or matrix (which has `labels` and `counts` instead of `series`)."""

    name: str
    title: str
    form: str
    x_label: str
    y_label: str
    series: list[dict[str, Any]]
    labels: NotRequired[list[str]]
    counts: NotRequired[list[list[int]]]


Plots = list[Plot]


class Algorithm(TypedDict):
    name: str
    title: NotRequired[str]
    tasks: list[Task]
    hyperparameters: dict[str, Any]
    error: NotRequired[str | None]


class ModelVersion(TypedDict):
    model: NotRequired[str]
    version: str
    algorithm: NotRequired[str]
    task: NotRequired[Task]
    aliases: NotRequired[list[str]]
    metrics: NotRequired[dict[str, float]]
    signature: NotRequired[dict[str, Any]]
    digest: NotRequired[str]
    dataset_id: NotRequired[str]
    job_id: NotRequired[str]
    run_id: NotRequired[str]
    run_url: NotRequired[str]
    created_at: NotRequired[str]
    created_by: NotRequired[str]


class Model(TypedDict):
    name: str
    aliases: NotRequired[dict[str, str]]
    versions: NotRequired[list[ModelVersion]]


class Prediction(TypedDict):
    prediction: Value
    probabilities: NotRequired[dict[str, float]]
    model: str
    version: str
    prediction_id: NotRequired[str]


class Predictions(TypedDict):
    predictions: list[Value]
    probabilities: NotRequired[list[dict[str, float]]]
    model: str
    version: str


class Explanation(TypedDict):
    """Why: `start` plus the `contributions` by column is the `score` of what is predicted."""

    prediction: Value
    probabilities: NotRequired[dict[str, float]]
    contributions: dict[str, float]
    start: float
    score: float


class Explained(TypedDict):
    explanation: Explanation
    model: str
    version: str


class Terms(TypedDict):
    """On what a service is admitted."""

    name: str
    description: str
    models: list[str]
    rate_per_minute: int | None
    daily_quota: int | None
    certificate_hours: int | None


class Subscriber(Terms):
    """A service; None means no limit, and the usual life of certificates."""

    id: str
    state: SubscriberState
    created_by: str
    created_at: str


class TermsChange(TypedDict, total=False):
    """What can be changed of a subscriber."""

    name: str
    description: str
    models: list[str]
    rate_per_minute: int | None
    daily_quota: int | None
    certificate_hours: int | None
    state: SubscriberState


class EnrolmentToken(TypedDict):
    token: str
    expires_at: str


class Issued(TypedDict):
    """A new certificate and what signed it (PEM), without the root."""

    certificate: str
    chain: str
    serial_number: str
    not_after: str


class MadeKey(Issued):
    """A key made by the platform: `download` ends with the token of its file, which opens with `password`."""

    password: str
    download: str
    download_expires_at: str


class Certificate(TypedDict):
    serial_number: str
    fingerprint: str
    subscriber_id: str | None
    subscriber: str | None
    state: CertificateState
    not_before: str
    not_after: str
    renewable_from: str
    issued_by: str
    issued_at: str
    revoked_at: str | None
    revocation_reason: str | None
    replaced_at: str | None
    certificate: str


class User(TypedDict):
    id: str
    username: str
    role: Role
    created_at: str
    disabled_at: str | None
    second_factor: NotRequired[bool]


class RolePermissions(TypedDict):
    role: Role
    permissions: list[str]


class NewSecondFactor(TypedDict):
    """For an authenticator app: the secret (base32), and the same as `otpauth://`."""

    secret: str
    uri: str


class Event(TypedDict):
    """One entry of the journal; `actor` is empty where nobody is known."""

    position: int
    at: str
    event: str
    actor: str
    target: str
    outcome: Outcome
    details: dict[str, Any]
    address: str
    request_id: str
    previous_hash: str
    hash: str


class Head(TypedDict):
    """Where the journal ends."""

    position: int
    hash: str


class Verdict(TypedDict):
    """Whether the journal is what was written; `first_broken` is the first position that is wrong."""

    events: int
    ok: bool
    first_broken: NotRequired[int]
    head: NotRequired[Head]
