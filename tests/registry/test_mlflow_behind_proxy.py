"""MLflow where people reach it through a proxy: who is signed in to the web app is signed in here, by its own pages alone."""

from collections.abc import Iterator

import httpx
import pytest

from backend.registry.mlflow_sign_in import COOKIE
from tests.mlflow_people import acts_of
from tests.mlflow_server import Mlflow, start_mlflow

pytestmark = pytest.mark.mlflow

PUBLIC = "https://signet.example.org:5443"
SEARCH = "/ajax-api/2.0/mlflow/registered-models/search"
FILE = "/ajax-api/2.0/mlflow-artifacts/artifacts/0/note"


def session_of(role: str, *, site: str = "same-origin") -> dict[str, str]:
    """What a page of MLflow's sends in a browser in which somebody is signed in."""
    return {"Cookie": f"{COOKIE}=token-of-{role}", "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "cors"}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    running = start_mlflow(tmp_path_factory.mktemp("mlflow"), mlflow_public_url=PUBLIC)
    yield running
    running.stop()


@pytest.fixture
def http(proxied: Mlflow) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxied.url, timeout=20, headers={"Host": "signet.example.org:5443"}) as client:
        yield client


def test_a_session_has_the_rights_of_its_role(http: httpx.Client) -> None:
    create = "/ajax-api/2.0/mlflow/registered-models/create"
    for role, status in (("expert", 403), ("scientist", 200)):
        assert http.get(SEARCH, headers=session_of(role)).status_code == 200
        ours = session_of(role) | {"Origin": PUBLIC}
        assert http.post(create, json={"name": f"of-{role}"}, headers=ours).status_code == status
    assert http.get(SEARCH, headers=session_of("nobody")).status_code == 401


def test_pages_of_other_origins_of_the_host_gain_nothing_by_it(http: httpx.Client) -> None:
    assert http.get(SEARCH, headers=session_of("scientist", site="same-site")).status_code == 401


def test_a_browser_is_not_led_to_ask_for_a_password(http: httpx.Client) -> None:
    assert "WWW-Authenticate" not in http.get(SEARCH, headers={"Sec-Fetch-Mode": "cors"}).headers
    assert http.get(SEARCH).headers["WWW-Authenticate"].startswith("Basic")


def test_what_a_session_may_not_do_is_told(proxied: Mlflow, http: httpx.Client) -> None:
    assert http.put(FILE, headers=session_of("expert") | {"Origin": PUBLIC}, content=b"x").status_code == 403
    (act,) = acts_of(proxied.settings, "PUT /ajax-api/2.0/mlflow-artifacts/artifacts/...")
    assert (act.actor, act.outcome) == ("expert", "refused")


def test_without_a_proxy_a_cookie_is_nothing(mlflow: Mlflow) -> None:
    assert httpx.get(f"{mlflow.url}{SEARCH}", headers=session_of("scientist")).status_code == 401
