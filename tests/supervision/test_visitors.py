"""People of the platform at the door of MLflow."""

import base64
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select

from backend.audit.tables import AuditEvent
from backend.database import db
from backend.errors import TooManyRequests, Unauthenticated
from backend.identity import second_factor, web_sessions
from backend.identity.authority_files import ensure_encryption_key
from backend.identity.sessions import Origin
from backend.identity.signing_in import Claim
from backend.identity.users import disable_user, find_user
from backend.supervision import visitors
from backend.supervision.visitors import identify
from tests.conftest import PASSWORD


@pytest.fixture
def visit(settings):
    return lambda header: identify(settings, header)


def basic(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def test_password_lets_a_person_in(visit, scientist):
    visitor = visit(basic("Scientist", PASSWORD))
    assert (visitor.username, visitor.role) == ("scientist", "scientist")


def test_access_token_lets_a_person_in(visit, expert):
    visitor = visit(expert.headers["Authorization"])
    assert (visitor.username, visitor.role) == ("expert", "expert")


def test_refresh_token_does_not(visit, expert):
    with pytest.raises(Unauthenticated):
        visit(f"Bearer {expert.tokens['refresh_token']}")


def test_disabled_person_stays_out(visit, admin, scientist):
    disable_user(find_user("scientist"))
    db.session.commit()
    for header in (basic("scientist", PASSWORD), scientist.headers["Authorization"]):
        with pytest.raises(Unauthenticated):
            visit(header)


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !!!", "Basic /w==", "Digest x", "Bearer x", basic("scientist", "wrong"), basic("nobody", "x")],
)
def test_what_is_no_good_credential_is_refused(visit, scientist, header):
    with pytest.raises(Unauthenticated):
        visit(header)


def test_second_factor_leaves_the_token_as_the_only_way(visit, scientist, app, settings):
    ensure_encryption_key(settings)
    user = find_user("scientist")
    totp = pyotp.TOTP(second_factor.begin(settings, user).secret)
    second_factor.confirm(settings, user, totp.now())
    db.session.commit()
    with pytest.raises(Unauthenticated, match="access token in place of the password"):
        visit(basic("scientist", PASSWORD))
    token = scientist.tokens["access_token"]
    assert visit(basic("scientist", token)).username == "scientist"
    assert visit(f"Bearer {token}").username == "scientist"
    with pytest.raises(Unauthenticated):
        visit(basic("scientist", "wrong"))


def signed_in():
    told = select(AuditEvent).where(AuditEvent.event == "person.signed_in", AuditEvent.target == "mlflow")
    return [(event.actor, event.facts) for event in db.session.scalars(told)]


def test_signing_in_is_told_once_a_visit(visit, scientist, expert, monkeypatch):
    for _ in range(3):
        visit(basic("scientist", PASSWORD))
        db.session.commit()
    assert signed_in() == [("scientist", {"role": "scientist"})]
    visit(expert.headers["Authorization"])  # told when the token was issued
    db.session.commit()
    assert len(signed_in()) == 1
    monkeypatch.setattr(visitors, "now", lambda: datetime.now(UTC) + timedelta(minutes=31))
    for username in ("scientist", "expert"):
        visit(basic(username, PASSWORD))
        db.session.commit()
    assert [actor for actor, _ in signed_in()] == ["scientist", "scientist", "expert"]


def test_token_of_another_person_is_no_password(visit, scientist, expert):
    with pytest.raises(Unauthenticated):
        visit(basic("scientist", expert.tokens["access_token"]))


def test_guesses_are_slowed_and_told_to_the_journal(visit, scientist, expert):
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            visit(basic("scientist", "wrong"))
        db.session.rollback()
    with pytest.raises(TooManyRequests):
        visit(basic("scientist", PASSWORD))
    assert visit(basic("expert", PASSWORD)).username == "expert"
    db.session.commit()
    failed = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "person.sign_in_failed")).all()
    assert [event.target for event in failed] == ["user:scientist"]


AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"


@pytest.fixture
def handle(settings, scientist):
    """What the cookie of a browser holds in which the scientist is signed in."""
    claim = Claim("scientist", PASSWORD, otp=None, place="")
    code = web_sessions.begin(settings, claim, Origin("192.0.2.1", AGENT))
    found = web_sessions.exchange(settings, code, AGENT).handle
    db.session.commit()
    return found


def test_a_session_of_the_web_app_lets_a_person_in(visit, handle):
    visitor = visit(f"Session {handle} {AGENT}")
    assert (visitor.username, visitor.role) == ("scientist", "scientist")


def test_a_session_that_is_over_does_not(visit, handle):
    web_sessions.end(handle)
    db.session.commit()
    for shown in (f"Session {handle} {AGENT}", "Session", f"Session unknown {AGENT}"):
        with pytest.raises(Unauthenticated):
            visit(shown)


def test_a_session_that_another_kind_of_browser_brings_is_ended(visit, handle):
    for agent in ("curl/8", AGENT):
        with pytest.raises(Unauthenticated):
            visit(f"Session {handle} {agent}")
