"""People of the platform at the door of MLflow."""

import base64

import pytest

from backend.database import db
from backend.errors import Unauthenticated
from backend.identity.users import disable_user, find_user
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
