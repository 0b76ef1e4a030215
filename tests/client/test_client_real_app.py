"""The client before the real API, in process: what both sides believe of the contract is the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from flask import Flask

import signet_client as sc
from backend.database import db
from backend.identity.principal import Role
from backend.identity.users import create_user
from signet_client import Signet, Tokens
from tests.conftest import PASSWORD

BIKES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "bikes.csv"
As = Callable[[Role], Signet]


@pytest.fixture
def nobody(app: Flask) -> Signet:
    transport = httpx.WSGITransport(app=app, raise_app_exceptions=True)
    return Signet("https://localhost", transport=transport)


@pytest.fixture
def as_role(app: Flask, nobody: Signet) -> As:
    def sign_in(role: Role) -> Signet:
        create_user(role.value, PASSWORD, role)
        db.session.commit()
        signet = nobody.with_tokens()
        signet.login(role.value, PASSWORD)
        return signet

    return sign_in


def test_signing_in(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    me = signet.me()
    assert (me["username"], me["role"]) == ("expert", "expert")
    assert "jobs:run" in me["permissions"]
    assert signet.tokens
    assert not signet.tokens.is_expiring


@pytest.mark.parametrize(("username", "password"), [("expert", "wrong"), ("nobody", PASSWORD)])
def test_wrong_credentials(as_role: As, nobody: Signet, username: str, password: str) -> None:
    as_role(Role.EXPERT)
    with pytest.raises(sc.InvalidCredentials) as caught:
        nobody.login(username, password)
    assert caught.value.code == "invalid-credentials"
    assert caught.value.request_id


def test_an_unusable_access_token_is_renewed_once_and_the_old_refresh_token_ends_the_session(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    first = signet.tokens
    assert first
    renewed = signet.with_tokens(Tokens("broken", first.refresh))
    assert renewed.me()["username"] == "expert"
    thief = signet.with_tokens(Tokens("broken", first.refresh))
    with pytest.raises(sc.SessionEnded):
        thief.me()
    with pytest.raises(sc.SessionEnded):
        renewed.me()


def test_signing_out_ends_the_tokens(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    kept = signet.tokens
    signet.logout()
    with pytest.raises(sc.SessionEnded):
        signet.with_tokens(kept).me()
    with pytest.raises(sc.Unauthenticated):
        signet.me()


def test_refreshing_on_demand(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    before = signet.tokens
    assert signet.refresh() == signet.tokens != before


def test_datasets_from_upload_to_end(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    with BIKES.open("rb") as file:
        made = signet.datasets.upload(file, name="bikes", options={"header": "true"})
    assert (made["rows"], made["bytes"]) == (365, BIKES.stat().st_size)
    assert [column["name"] for column in made["columns"]][-1] == "rentals"
    assert signet.datasets.list()[0]["id"] == made["id"]
    assert signet.datasets.get(made["id"])["sha256"] == made["sha256"]
    assert len(signet.datasets.preview(made["id"], limit=7)) == 7
    signet.datasets.delete(made["id"])
    with pytest.raises(sc.NotFound):
        signet.datasets.get(made["id"])


def test_a_bad_file_says_what_and_where(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    with pytest.raises(sc.Invalid, match="3"):
        signet.datasets.upload(io.BytesIO(b"a,b\n1,2\n3\n"), name="bad", filename="bad.csv")


def test_jobs_from_wish_to_cancellation(as_role: As) -> None:
    signet = as_role(Role.SCIENTIST)
    with BIKES.open("rb") as file:
        dataset = signet.datasets.upload(file, name="bikes")
    (name, *_) = [algorithm["name"] for algorithm in signet.algorithms.list()]
    job = signet.jobs.start(dataset_id=dataset["id"], target="rentals", model="bikes", algorithm=name, seed=3)
    assert job["state"] == "queued"
    assert signet.jobs.get(job["id"])["target"] == "rentals"
    assert signet.jobs.list()[0]["id"] == job["id"]
    assert signet.jobs.plots(job["id"]) == []
    signet.jobs.cancel(job["id"])
    assert signet.jobs.wait(job["id"], timeout=5)["state"] == "cancelled"
    with pytest.raises(TimeoutError):
        signet.jobs.wait(signet.jobs.start(dataset_id=dataset["id"], target="rentals", model="b")["id"], timeout=0)


def test_a_wish_that_makes_no_sense(as_role: As) -> None:
    signet = as_role(Role.EXPERT)
    with pytest.raises(sc.Refused) as caught:
        signet.jobs.start(dataset_id="nothing", target="t", model="m")
    assert isinstance(caught.value, sc.NotFound | sc.Invalid)


def test_what_a_role_may_not_do(as_role: As) -> None:
    signet = as_role(Role.MANAGER)
    with pytest.raises(sc.Forbidden):
        signet.datasets.list()


def test_a_model_that_is_not_there(as_role: As) -> None:
    signet = as_role(Role.SCIENTIST)
    with pytest.raises(sc.NotFound):
        signet.models.get("nothing")
