"""The platform's state at the moment of asking: models, jobs, certificates, clock and build as metrics."""

import platform
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from importlib import metadata

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from backend.audit.tables import AuditEvent
from backend.database import db, now
from backend.identity.certificates import CertificateState, in_state
from backend.identity.subscriber_tables import Certificate, RevocationList, Subscriber
from backend.monitoring.clock import ClockWatch
from backend.serving.shelf import Shelf
from backend.settings import Settings
from backend.training.tables import STATES, Job

_SOON = timedelta(days=7)


class State(Collector):
    """Asked anew at each collection, over the database session of the request that asks."""

    def __init__(self, settings: Settings, shelf: Shelf, clock: ClockWatch, version: str) -> None:
        self._settings, self._shelf, self._clock, self._version = settings, shelf, clock, version

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("signet_build", "What is running", self._build())
        yield from self._models()
        yield _gauge(
            "signet_clock_step_seconds", "By how much the clock was set since the process began", self._clock.step
        )
        yield from self._server_certificate()
        try:
            found = [*_jobs(), *_certificates(), *_journal(), *_subscribers()]
        except SQLAlchemyError:
            db.session.rollback()
            yield _gauge("signet_database_up", "Whether the database answers", 0)
        else:
            yield _gauge("signet_database_up", "Whether the database answers", 1)
            yield from found

    def _build(self) -> dict[str, str]:
        return {"version": self._version, "python": platform.python_version(), "xgboost": metadata.version("xgboost")}

    def _models(self) -> Iterator[Metric]:
        yield _gauge("signet_ready", "Whether the models that are known were loaded once", int(self._shelf.is_ready))
        yield _gauge("signet_registry_up", "Whether MLflow answers", int(self._shelf.problem is None))
        loaded = GaugeMetricFamily(
            "signet_model_loaded", "The version that is served behind an alias", labels=("model", "alias", "version")
        )
        behind = GaugeMetricFamily(
            "signet_model_behind",
            "Whether an alias names another version than the one that is served",
            labels=("model", "alias"),
        )
        for standing in self._shelf.standings():
            if standing.served is not None:
                loaded.add_metric((standing.model, standing.alias, standing.served), 1)
            if standing.served is not None or standing.problem is not None:
                behind.add_metric((standing.model, standing.alias), int(standing.served != standing.named))
        yield from (loaded, behind)

    def _server_certificate(self) -> Iterator[Metric]:
        path = self._settings.certs / "server.pem"
        if path.exists():
            ends_at = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
            yield _gauge(
                "signet_server_certificate_expiry_timestamp_seconds",
                "When the server's own certificate ends",
                ends_at.timestamp(),
            )


def _jobs() -> Iterable[Metric]:
    found = db.session.execute(select(Job.state, func.count()).group_by(Job.state))
    counts: dict[str, int] = {row[0]: row[1] for row in found}
    jobs = GaugeMetricFamily("signet_jobs", "Training jobs in each state", labels=("state",))
    for state in STATES:
        jobs.add_metric((state,), counts.get(state, 0))
    queued = select(func.min(Job.queued_at)).where(Job.state == "queued")
    since = db.session.scalar(queued)
    waiting = (now() - since).total_seconds() if since else 0.0
    return [jobs, _gauge("signet_job_longest_wait_seconds", "How long the job waits that was queued first", waiting)]


def _certificates() -> Iterable[Metric]:
    moment = now()
    valid = in_state(CertificateState.VALID, moment)
    soon = select(func.count()).select_from(Certificate).where(valid, Certificate.not_after <= moment + _SOON)
    counted = select(func.count(), func.min(Certificate.not_after)).select_from(Certificate).where(valid)
    count, first = db.session.execute(counted).one()
    yield _gauge("signet_subscriber_certificates", "Subscribers' certificates that are valid", count)
    yield _gauge(
        "signet_subscriber_certificates_expiring",
        "Those of them that end within seven days",
        db.session.scalar(soon) or 0,
    )
    yield from _moment(
        "signet_subscriber_certificate_next_expiry_timestamp_seconds", "When the first of them ends", first
    )
    yield from _moment(
        "signet_revocation_list_issued_timestamp_seconds",
        "When the newest revocation list was signed",
        db.session.scalar(select(func.max(RevocationList.issued_at))),
    )


def _journal() -> Iterable[Metric]:
    """The journal knows a time that was: a clock that is earlier was put back."""
    newest = db.session.scalar(select(func.max(AuditEvent.at)))
    behind = max(0.0, (newest - now()).total_seconds()) if newest else 0.0
    yield _gauge("signet_clock_behind_seconds", "By how much the clock is behind the journal's newest event", behind)


def _subscribers() -> Iterable[Metric]:
    names = InfoMetricFamily("signet_subscriber", "The present name of each subscriber", labels=("caller",))
    for identifier, name in db.session.execute(select(Subscriber.id, Subscriber.name)):
        names.add_metric((f"subscriber:{identifier}",), {"name": name})
    yield names


def _moment(name: str, text: str, at: datetime | None) -> Iterator[Metric]:
    if at is not None:
        yield _gauge(name, text, at.timestamp())


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)
