"""Subscribers: the services that are admitted, on which terms, and the tokens with which they enrol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from signet_client.connection import Connection
from signet_client.paths import path
from signet_client.types import EnrolmentToken, Subscriber, TermsChange


class Subscribers:
    """The calls under `/v1/subscribers`, but for certificates."""

    def __init__(self, connection: Connection) -> None:
        self._call = connection.call

    def list(self) -> list[Subscriber]:
        return cast("list[Subscriber]", self._call("GET", "/v1/subscribers")["items"])

    def get(self, subscriber_id: str) -> Subscriber:
        return cast("Subscriber", self._call("GET", path("v1", "subscribers", subscriber_id)))

    def create(
        self,
        name: str,
        *,
        models: Sequence[str],
        description: str = "",
        rate_per_minute: int | None = None,
        daily_quota: int | None = None,
        certificate_hours: int | None = None,
    ) -> Subscriber:
        """Admit a service to these models (`["*"]`: every one); None means no limit, and the usual life of certificates."""
        body = {
            "name": name,
            "description": description,
            "models": [*models],
            "rate_per_minute": rate_per_minute,
            "daily_quota": daily_quota,
            "certificate_hours": certificate_hours,
        }
        return cast("Subscriber", self._call("POST", "/v1/subscribers", json=body))

    def change(self, subscriber_id: str, terms: TermsChange) -> Subscriber:
        """Other terms from the next request on; what `terms` does not name stays."""
        return cast("Subscriber", self._call("PATCH", path("v1", "subscribers", subscriber_id), json=terms))

    def suspend(self, subscriber_id: str) -> Subscriber:
        """Refuse the service from the next request on, until it is resumed."""
        return self._set_state(subscriber_id, "suspended")

    def resume(self, subscriber_id: str) -> Subscriber:
        return self._set_state(subscriber_id, "active")

    def delete(self, subscriber_id: str) -> None:
        """Remove it for good; all its certificates are revoked."""
        self._call("DELETE", path("v1", "subscribers", subscriber_id))

    def enrolment(self, subscriber_id: str) -> EnrolmentToken:
        """A token with which the service fetches its certificate, once and within 15 minutes."""
        return cast("EnrolmentToken", self._call("POST", path("v1", "subscribers", subscriber_id, "enrolment")))

    def _set_state(self, subscriber_id: str, state: Literal["active", "suspended"]) -> Subscriber:
        return self.change(subscriber_id, {"state": state})
