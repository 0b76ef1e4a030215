"""A platform as it looks after a month of use: people, models, services with certificates in every state, traffic.

What people did comes in by the API; what only time does (certificates that grow old, sums of the past) is written to the database.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import delete, insert, update

from backend.database import db
from backend.identity.issuing import issue_certificate
from backend.identity.subscribers import get_subscriber
from backend.monitoring.latency import BUCKETS, bucket_of
from backend.monitoring.minutes import HOURLY
from backend.monitoring.tables import LATENCY, traffic
from backend.settings import Settings
from backend.storage import create_storage
from backend.training.tables import Job
from tests.certifying import signing_request
from tests.e2e.browsing import PASSWORD
from tests.e2e.running import ROOT, Platform, finished_job, train
from tests.e2e.tables import customers, passengers, pumps

MONTH_HOURS = 30 * 24
FINE_HOURS = 40
PEOPLE = {"ada": "scientist", "grace": "expert", "mona": "manager", "noor": "admin", "peter": "expert"}
SERVICES: list[dict[str, Any]] = [
    {"name": "billing", "description": "Monthly invoices", "models": ["churn"], "rate_per_minute": 600},
    {"name": "call-centre", "description": "Offers while a customer is on the line", "models": ["churn", "titanic"]},
    {
        "name": "maintenance-planner",
        "description": "Plans the visits of mechanics",
        "models": ["pumps"],
        "daily_quota": 20000,
    },
    {
        "name": "bike-dispatch",
        "description": "Trucks that move bicycles at night",
        "models": ["bikes"],
        "rate_per_minute": 120,
    },
    {"name": "data-warehouse", "description": "Scores all tables every night", "models": ["*"]},
    {"name": "mobile-app", "description": "", "models": ["churn"], "rate_per_minute": 60, "daily_quota": 5000},
]
# Which service asks which version of which model how often in an hour at noon, by which protocol, and how fast it is answered.
ASKED = [
    ("churn", "2", "native", "billing", 340, 0.0019),
    ("churn", "2", "native", "call-centre", 190, 0.0023),
    ("pumps", "1", "open-inference", "maintenance-planner", 120, 0.0031),
    ("bikes", "1", "native", "bike-dispatch", 60, 0.0014),
    ("churn", "1", "mlflow", "data-warehouse", 45, 0.0120),
    ("titanic", "1", "native", "people", 7, 0.0042),
]


@dataclass(frozen=True)
class Showcase:
    """What pages are opened with."""

    dataset: str
    job: str
    failed: str
    subscriber: str
    certificate: str
    user: str
    runs: str


def furnish(platform: Platform) -> Showcase:
    """Fill a fresh platform."""
    with closing(platform.client()) as admin:
        users = {name: _user(admin, name, role) for name, role in PEOPLE.items()}
        admin.patch(f"/v1/users/{users['peter']}", json={"disabled": True})
        ada, grace, mona = (platform.client(name, PASSWORD) for name in ("ada", "grace", "mona"))
        dataset, job, failed, runs = _models(ada, grace)
        services = {each["name"]: _service(mona, each) for each in SERVICES}
        serials = _certificates(platform, services)
        mona.post(f"/v1/certificates/{serials['revoked']}/revoke", json={"reason": "keyCompromise"})
        mona.patch(f"/v1/subscribers/{services['mobile-app']}", json={"state": "suspended"})
        _past(platform, services)
        for each in (ada, grace, mona):
            each.post("/logout")
    return Showcase(dataset, job, failed, services["call-centre"], serials["due"], users["ada"], runs)


def busy(platform: Platform) -> tuple[httpx.Client, list[str]]:
    """Jobs that train and wait until they are cancelled."""
    grace = platform.client("grace", PASSWORD)
    found = next(each for each in grace.get("/v1/datasets").json()["items"] if each["name"] == "pumps")
    long = {"hyperparameters": {"n_estimators": 100_000, "early_stopping_rounds": 100_000, "learning_rate": 0.0001}}
    jobs = [train(grace, found["id"], "condition", name, **long)["id"] for name in ("pumps", "pumps-night")]
    return grace, jobs


def _user(admin: httpx.Client, username: str, role: str) -> str:
    answer = admin.post("/v1/users", json={"username": username, "password": PASSWORD, "role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _models(ada: httpx.Client, grace: httpx.Client) -> tuple[str, str, str, str]:
    """Models of two people, and training that failed; a dataset, a good job, a bad one, and runs to compare."""
    titanic = _dataset(grace, "titanic", passengers())
    machines = _dataset(grace, "pumps", pumps())
    churn = _dataset(ada, "customers-2026", customers())
    bikes = _dataset(ada, "bikes", (ROOT / "docs" / "examples" / "bikes.csv").read_bytes())
    first = _done(ada, train(ada, churn, "churned", "churn", algorithm="linear"))
    best = _done(ada, train(ada, churn, "churned", "churn"))
    flat = _done(ada, train(ada, churn, "churned", "churn", hyperparameters={"max_depth": 2}))
    _done(ada, train(ada, bikes, "rentals", "bikes"))
    _done(grace, train(grace, titanic, "survived", "titanic"))
    _done(grace, train(grace, machines, "condition", "pumps"))
    failed = _done(grace, train(grace, machines, "remark", "remarks"))
    answer = ada.put("/v1/models/churn/aliases/champion", json={"version": "2"})
    assert answer.status_code == 200, answer.text
    ada.put("/v1/models/churn/aliases/challenger", json={"version": "3"})
    runs = ",".join(ada.get(f"/v1/jobs/{job}").json()["run_id"] for job in (first, best, flat))
    return titanic, best, failed, runs


def _dataset(client: httpx.Client, name: str, content: bytes) -> str:
    answer = client.post("/v1/datasets", files={"file": (f"{name}.csv", content)}, data={"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _done(client: httpx.Client, job: dict[str, Any]) -> str:
    finished_job(client, job["id"])
    return str(job["id"])


def _service(mona: httpx.Client, terms: dict[str, Any]) -> str:
    answer = mona.post("/v1/subscribers", json=terms)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _certificates(platform: Platform, services: dict[str, str]) -> dict[str, str]:
    """Certificates as months would leave them: issued long ago, in some days' time to end, one of them not renewed in time."""
    now, serials = datetime.now(UTC), {}
    ages = [
        ("billing", 5, 2160, "good"),
        ("call-centre", 28.4, 720, "due"),
        ("call-centre", 58, 720, "expired"),
        ("maintenance-planner", 9, 720, "month"),
        ("bike-dispatch", 40, 2160, "quarter"),
        ("data-warehouse", 61, 2160, "late"),
        ("mobile-app", 12, 720, "revoked"),
    ]
    settings = Settings(home=platform.home)
    with create_storage(settings).app_context():
        for name, days, hours, key in ages:
            issued = issue_certificate(settings, get_subscriber(services[name]), signing_request(), actor="mona")
            # The authority issues nothing before its own time; what a page shows is what the row says.
            issued.row.not_before = issued.row.issued_at = now - timedelta(days=days)
            issued.row.not_after = issued.row.not_before + timedelta(hours=hours)
            serials[key] = issued.serial_number
        db.session.commit()
        db.engine.dispose()
    return serials


def _past(platform: Platform, services: dict[str, str]) -> None:
    """A month of traffic, and jobs that were not all done in the same minute."""
    callers = {name: f"subscriber:{key}" for name, key in services.items()}
    rows = list(_traffic(callers))
    with create_storage(Settings(home=platform.home)).app_context():
        # The one prediction by which the platform tried itself out took as long as a first one does.
        db.session.execute(delete(traffic))
        db.session.execute(insert(traffic), rows)
        jobs = db.session.scalars(db.select(Job).order_by(Job.created_at.desc())).all()
        for number, job in enumerate(jobs):
            ago = timedelta(hours=5.3 * number + 0.7)
            moved = {
                name: getattr(job, name) - ago for name in ("created_at", "queued_at", "started_at", "finished_at")
            }
            db.session.execute(update(Job).where(Job.id == job.id).values(moved))
        db.session.commit()
        db.engine.dispose()


def _traffic(callers: dict[str, str]) -> Iterator[dict[str, Any]]:
    chance, present = random.Random(5), int(time.time()) // 60  # noqa: S311 - no secret hangs on it
    for hour in range(MONTH_HOURS, -1, -1):
        begins = (present - 60 * hour) // 60 * 60
        is_old = hour > FINE_HOURS + 10
        minutes = [begins] if is_old else range(begins, min(begins + 60, present - 1), 2)
        for model, version, protocol, name, rate, seconds in ASKED:
            for minute in minutes:
                wanted = rate * _busyness(minute, name, chance) / (1 if is_old else 30)
                whole = int(wanted) + (chance.random() < wanted % 1)
                writer = HOURLY if is_old else "the showcase"
                key = {"model": model, "protocol": protocol, "caller": callers.get(name, name), "writer": writer}
                slow = seconds * (3.5 if name == "data-warehouse" and hour in range(60, 70) else 1)
                if whole:
                    yield {**key, "version": version, "minute": minute, **_sums(chance, 2, whole, slow)}
                refused = whole * (0.09 if hour in range(6, 8) else 0.011)
                refused = int(refused) + (chance.random() < refused % 1)
                if refused:
                    yield {**key, "version": "", "minute": minute, **_sums(chance, 4, refused, 0.0006)}
                if name == "call-centre" and hour in (13, 200) and chance.random() < 0.2:
                    yield {**key, "version": version, "minute": minute, **_sums(chance, 5, 1, 0.4)}


def _busyness(minute: int, name: str, chance: random.Random) -> float:
    """Offices by day, and the warehouse by night."""
    clock = datetime.fromtimestamp(minute * 60, UTC)
    hour = clock.hour + clock.minute / 60
    day = max(0.06, math.sin(math.pi * (hour - 5) / 15)) if 5 < hour < 20 else 0.06
    if name == "data-warehouse":
        day = 2.5 if 1 <= clock.hour < 4 else 0
    if name == "bike-dispatch":
        day = 1.1 - day
    weekend = 0.35 if clock.weekday() >= 5 else 1
    return day * weekend * chance.uniform(0.8, 1.2)


def _sums(chance: random.Random, status: int, count: int, seconds: float) -> dict[str, Any]:
    latency = [0] * BUCKETS
    taken = [seconds * chance.lognormvariate(0, 0.6) for _ in range(min(count, 60))]
    for each in taken:
        latency[bucket_of(each)] += 1
    scale = max(1, round(count / len(taken)))
    sums = {"requests": scale * len(taken), "rows": scale * len(taken), "seconds": scale * sum(taken), "status": status}
    return {**sums, **{name: scale * number for name, number in zip(LATENCY, latency, strict=True)}}
