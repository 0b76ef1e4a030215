"""The door of MLflow: what is remembered, for how long, and what a role may ask for."""

from dataclasses import dataclass, field

import pytest

from backend.errors import NotAllowed, Unauthenticated
from backend.registry import mlflow_sign_in
from backend.registry.mlflow_sign_in import COOKIE, SERVICE_NAME, SignIn, Visitor, web_session
from frontend.cookie import NAME

TOKEN = "t" * 43


@dataclass
class People:
    """Counts how often somebody's credential is verified."""

    roles: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def __call__(self, header: str) -> Visitor:
        self.asked.append(header)
        if header not in self.roles:
            raise Unauthenticated("Wrong username or password.")
        return Visitor("ada", self.roles[header])


@pytest.fixture
def people() -> People:
    return People({"Basic ada": "scientist"})


def test_a_good_credential_is_remembered_and_a_bad_one_is_not(people: People) -> None:
    admitted: list[Visitor] = []
    door = SignIn(TOKEN, people, admitted.append)
    for _ in range(3):
        assert door.identify("Basic ada") == Visitor("ada", "scientist")
        with pytest.raises(Unauthenticated):
            door.identify("Basic eve")
    assert people.asked.count("Basic ada") == 1
    assert people.asked.count("Basic eve") == 3
    assert admitted == [Visitor("ada", "scientist")]


def test_what_is_remembered_is_forgotten_in_time(people: People) -> None:
    door = SignIn(TOKEN, people, lambda visitor: None, seconds=0)
    assert door.identify("Basic ada").role == "scientist"
    people.roles["Basic ada"] = "expert"
    assert door.identify("Basic ada").role == "expert"
    people.roles.clear()
    with pytest.raises(Unauthenticated):
        door.identify("Basic ada")


def test_the_platform_is_known_without_asking_for_people(people: People) -> None:
    door = SignIn(TOKEN, people, lambda visitor: None)
    assert door.identify(f"Bearer {TOKEN}") == Visitor(SERVICE_NAME, "service")
    assert people.asked == []
    for header in ("", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", f"Bearer {TOKEN}\u00e9", "Bearer \udcff"):
        with pytest.raises(Unauthenticated):
            door.identify(header)


def test_somebody_who_cannot_be_admitted_is_not_remembered(people: People) -> None:
    def refuse(visitor: Visitor) -> None:
        raise OSError("no store")

    door = SignIn(TOKEN, people, refuse)
    for _ in range(2):
        with pytest.raises(OSError, match="no store"):
            door.identify("Basic ada")
    assert len(people.asked) == 2


def test_memory_of_visitors_is_bounded() -> None:
    door = SignIn(TOKEN, lambda header: Visitor(header, "expert"), lambda visitor: None, seconds=0)
    for number in range(3000):
        door.identify(f"Basic {number}")
    assert len(door._known) <= 1024


@pytest.mark.parametrize(
    "path", ["/api/2.0/mlflow/runs/create", "/api/2.0/mlflow/registered-models/alias", "/graphql/x"]
)
def test_only_writers_write(path: str) -> None:
    for role in ("service", "admin", "scientist"):
        Visitor("ada", role).verify_may("POST", path)
    for role in ("expert", "manager", "", "subscriber"):
        Visitor("ada", role).verify_may("GET", path)
        with pytest.raises(NotAllowed):
            Visitor("ada", role).verify_may("POST", path)


@pytest.mark.parametrize("path", ["/graphql", "/api/2.0/mlflow/runs/search", "/ajax-api/3.0/mlflow/traces/search"])
def test_a_search_by_post_is_reading(path: str) -> None:
    Visitor("ada", "expert").verify_may("POST", path)
    with pytest.raises(NotAllowed):
        Visitor("ada", "expert").verify_may("DELETE", path)


@pytest.mark.parametrize(
    ("method", "site", "mode", "opens"),
    [
        ("GET", "same-origin", "cors", True),
        ("POST", "same-origin", "cors", True),
        ("GET", "none", "navigate", True),
        ("GET", "same-site", "navigate", True),
        ("GET", "cross-site", "navigate", True),
        ("GET", "same-site", "cors", False),
        ("POST", "same-site", "navigate", False),
        ("POST", "cross-site", "no-cors", False),
    ],
)
def test_a_cookie_counts_for_mlflows_own_pages_alone(method: str, site: str, mode: str, opens: bool) -> None:  # noqa: FBT001
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "User-Agent": "Firefox"}
    shown = web_session(method, headers, {COOKIE: "word"})
    assert shown == ("Session word Firefox" if opens else "")
    assert web_session(method, headers, {"other": "word"}) == ""


def test_the_cookie_is_the_one_of_the_web_app() -> None:
    assert COOKIE == NAME


def test_a_session_is_believed_for_seconds_only(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    people.roles["Session word Firefox"] = "scientist"
    door = SignIn(TOKEN, people, lambda visitor: None)
    moment = mlflow_sign_in.time.monotonic()
    for later, asked in ((0, 1), (4, 1), (6, 2)):
        monkeypatch.setattr(mlflow_sign_in.time, "monotonic", lambda later=later: moment + later)
        door.identify("Session word Firefox")
        door.identify("Basic ada")
        assert people.asked.count("Session word Firefox") == asked
    assert people.asked.count("Basic ada") == 1
