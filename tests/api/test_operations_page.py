"""docs/operations.md and the alert rules speak of what there is, and of all of it."""

import re
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from backend.database import db
from backend.identity.authority import ensure_authority
from backend.identity.revocation_list import issue_revocation_list
from backend.monitoring.access_log import as_json
from backend.settings import REPOSITORY, Settings
from tests.api.conftest import Registered, Subscribed
from tests.monitoring.exposed import families
from tests.monitoring.test_access_log import exchange

PAGE = (REPOSITORY / "docs" / "operations.md").read_text("utf-8")
RULES: list[dict[str, Any]] = yaml.safe_load(
    (REPOSITORY / "docs" / "examples" / "signet-alerts.yml").read_text("utf-8")
)["groups"][0]["rules"]


@pytest.fixture
def exposed(app: Flask, http: FlaskClient, registered: Registered, settings: Settings) -> dict[str, str]:
    """The type of every metric, by the name under which it is asked for, once there is something of everything."""
    ensure_authority(settings)
    registered("bikes", "regression")
    Subscribed(http, settings, "billing", models=["bikes"]).predict("bikes")
    issue_revocation_list(settings)
    db.session.commit()
    app.extensions["signet"].shelf.refresh()
    found = families(http.get("/metrics").text)
    # When a counter began is told by a process alone only, and not by those of a server together.
    found = {name: family for name, family in found.items() if not name.endswith("_created")}
    return {f"{name}_total" if family.type == "counter" else name: family.type for name, family in found.items()}


def test_the_page_names_every_metric_and_its_type(exposed: dict[str, str]) -> None:
    assert dict(re.findall(r"^\| `((?:signet|process)_\w+)` \| (\w+) \|", PAGE, flags=re.MULTILINE)) == exposed


def test_questions_and_alerts_ask_for_metrics_that_there_are(exposed: dict[str, str]) -> None:
    known = set(exposed) | {f"{name}_bucket" for name, kind in exposed.items() if kind == "histogram"}
    asked = "\n".join([PAGE, *(rule["expr"] for rule in RULES)])
    assert set(re.findall(r"\b(?:signet|process)_[a-z]\w+", asked)) - known <= {"signet_client"}


def test_every_alert_says_what_it_is_and_the_page_what_to_do() -> None:
    explained = re.findall(r"`(Signet\w+)`", PAGE.partition("## Alerts")[2].partition("## Log")[0])
    assert sorted(explained) == sorted(rule["alert"] for rule in RULES)
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] in {"page", "ticket"} for rule in RULES)


def test_the_page_explains_every_member_of_a_line() -> None:
    members = set(re.findall(r'"(\w+)":', as_json(exchange())))
    example = set(re.findall(r'"(\w+)":', PAGE.partition("```json")[2].partition("```")[0]))
    explained = set(re.findall(r"`(\w+)`", PAGE.partition("| member |")[2].partition("Who was refused")[0]))
    assert example == members
    assert members - {"time", "level", "logger", "method", "status"} <= explained


def test_the_settings_that_the_page_names_exist() -> None:
    named = set(re.findall(r"SIGNET_([A-Z_]+)", PAGE))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
