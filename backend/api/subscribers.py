"""Subscribers, kept by managers: which services may ask which models, and how much."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.errors import Conflict
from backend.identity import subscribers
from backend.identity.enrolment import EnrolmentToken, create_enrolment
from backend.identity.principal import Permission, Principal
from backend.identity.subscriber_tables import SUSPENDED, Subscriber

endpoints = Endpoints("Subscribers")

_MODELS = Field(description='Names of the models that it may ask, or `["*"]` for every one', examples=[["iris"]])
_RATE = Field(None, description="Requests per minute; null for no limit")
_QUOTA = Field(None, description="Predictions per day (UTC); null for no limit")
_HOURS = Field(None, description="Life of its certificates in hours, 1 to 2160; null for `SIGNET_CERTIFICATE_DAYS`")


class NewSubscriber(Body):
    name: str = Field(max_length=64)
    description: str = Field("", max_length=500)
    models: list[str] = _MODELS
    rate_per_minute: int | None = _RATE
    daily_quota: int | None = _QUOTA
    certificate_hours: int | None = _HOURS


class SubscriberChange(Body):
    """Only what is named changes."""

    name: str = Field("", max_length=64)
    description: str = Field("", max_length=500)
    models: list[str] = Field([], description=_MODELS.description)
    rate_per_minute: int | None = _RATE
    daily_quota: int | None = _QUOTA
    certificate_hours: int | None = _HOURS
    state: Literal["active", "suspended"] = "active"


class SubscriberAnswer(Answer):
    id: str
    name: str
    description: str
    models: list[str] = _MODELS
    rate_per_minute: int | None = _RATE
    daily_quota: int | None = _QUOTA
    certificate_hours: int | None = _HOURS
    state: Literal["active", "suspended"]
    created_by: str
    created_at: datetime


class SubscriberList(Answer):
    items: list[SubscriberAnswer]


class EnrolmentTokenAnswer(Answer):
    token: str = Field(description="Told this once; works once, at `POST /v1/enrol`")
    expires_at: datetime


@endpoints.get("/v1/subscribers", access=Permission.MANAGE_SUBSCRIBERS, answer=SubscriberList)
def list_subscribers() -> dict[str, object]:
    """Every subscriber, by name."""
    return {"items": subscribers.list_subscribers()}


@endpoints.post(
    "/v1/subscribers", access=Permission.MANAGE_SUBSCRIBERS, answer=SubscriberAnswer, status=201, refuses=(Conflict,)
)
def create_subscriber(actor: Principal, body: NewSubscriber) -> Subscriber:
    """Admit a service. It has no certificate yet: make an enrolment, or issue one."""
    return subscribers.create_subscriber(actor=actor.name, **body.model_dump())


@endpoints.get("/v1/subscribers/{subscriber_id}", access=Permission.MANAGE_SUBSCRIBERS, answer=SubscriberAnswer)
def read_subscriber(subscriber_id: str) -> Subscriber:
    """One subscriber."""
    return subscribers.get_subscriber(subscriber_id)


@endpoints.patch(
    "/v1/subscribers/{subscriber_id}",
    access=Permission.MANAGE_SUBSCRIBERS,
    answer=SubscriberAnswer,
    refuses=(Conflict,),
)
def change_subscriber(subscriber_id: str, actor: Principal, body: SubscriberChange) -> Subscriber:
    """Other terms, suspended or resumed: all from the next request on."""
    subscriber = subscribers.get_subscriber(subscriber_id)
    changes = body.model_dump(exclude_unset=True)
    state = changes.pop("state", subscriber.state)
    if changes:
        subscribers.change_subscriber(subscriber, changes, actor=actor.name)
    if state != subscriber.state:
        turn = subscribers.suspend_subscriber if state == SUSPENDED else subscribers.resume_subscriber
        turn(subscriber, actor=actor.name)
    return subscriber


@endpoints.delete("/v1/subscribers/{subscriber_id}", access=Permission.MANAGE_SUBSCRIBERS)
def delete_subscriber(subscriber_id: str, actor: Principal, platform: Platform) -> None:
    """Remove it for good. All its certificates are revoked."""
    subscribers.delete_subscriber(platform.settings, subscribers.get_subscriber(subscriber_id), actor=actor.name)


@endpoints.post(
    "/v1/subscribers/{subscriber_id}/enrolment",
    access=Permission.MANAGE_SUBSCRIBERS,
    answer=EnrolmentTokenAnswer,
    status=201,
)
def create_subscriber_enrolment(subscriber_id: str, actor: Principal) -> EnrolmentToken:
    """A one-time token, good for 15 minutes, with which the service fetches its certificate by itself."""
    return create_enrolment(subscribers.get_subscriber(subscriber_id), actor=actor.name)
