"""A file of rows asked of a model: in slices, by one version, and the rows that do not fit apart."""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from starlette.applications import Starlette
from starlette.middleware import Middleware

from frontend import downloads, relay, scored, scoring, uploads
from frontend.cookie import NAME
from frontend.guard import Guard, Headers
from frontend.relay import Relay, RelayError
from frontend.scored import ScoredFiles
from frontend.scoring import score
from frontend.sessions import digest
from frontend.views import batch
from signet_client import NotReady, Signet
from tests.frontend.conftest import AGENT, Browser, handle_for
from tests.frontend.stub import StubPlatform, problem
from tests.frontend.test_addresses import ORIGIN, OURS, InProcess, send

As = Callable[[str], Browser]
HEADER = "name,pclass,sex,age,alone,boarded\n"
ROW = "{},3,male,{},true,1912-04-10\n"
ADDRESS = "/v1/models/titanic/predict"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScoredFiles:
    made = ScoredFiles(tmp_path / "scored")
    monkeypatch.setattr(scored, "scored_files", lambda: made)
    return made


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Relay:
    made = Relay(tmp_path / "incoming", max_bytes=1 << 20)
    made.clear()
    monkeypatch.setattr(uploads, "relay", lambda: made)
    monkeypatch.setattr(relay, "SPARE_BYTES", 0)
    return made


@pytest.fixture
def web(spool: Relay, files: ScoredFiles, stub: StubPlatform) -> Iterator[httpx.Client]:
    app = Starlette(routes=[*uploads.ROUTES, *downloads.ROUTES], middleware=[Middleware(Headers), Middleware(Guard)])
    with start_blocking_portal() as portal, httpx.Client(transport=InProcess(app, portal), base_url=ORIGIN) as client:
        client.headers["User-Agent"] = AGENT
        yield client


class Scoring:
    """Somebody whose browser uploads a file on the page and looks at what comes."""

    def __init__(self, web: httpx.Client, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        self.web, self.browser, self.monkeypatch = web, browser, monkeypatch
        web.cookies.set(NAME, browser.handle)

    def upload(self, text: str) -> Browser:
        upload_id = send(self.web, text.encode(), name="people.csv", step=100_000)
        kept = self.web.post(f"/ui/uploads/{upload_id}/keep", headers=OURS)
        assert kept.json() == {"id": upload_id, "name": "people.csv"}
        tab = self.browser.open("predict")
        arrived = iter([upload_id])
        self.monkeypatch.setattr(batch, "upload_rows", lambda *_: next(arrived, None))
        tab.segmented_control(key="how_titanic").set_value("A file of rows").run()
        assert not tab.exception, tab.exception
        return self.browser

    def fetch(self, token: str) -> list[list[str]]:
        answer = self.web.post("/ui/downloads/scored", json={"token": token}, headers=OURS)
        assert answer.headers["cache-control"] == "no-store"
        return list(csv.reader(io.StringIO(answer.text)))


@pytest.fixture
def scoring_as(web: httpx.Client, as_role: As, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Scoring]:
    return lambda role: Scoring(web, as_role(role), monkeypatch)


@pytest.mark.parametrize("role", ["expert", "manager"])
def test_predictions_stand_beside_the_rows(scoring_as: Callable[[str], Scoring], role: str, spool: Relay) -> None:
    person = scoring_as(role)
    browser = person.upload(HEADER + ROW.format('"Doe, J"', 22) + ROW.format("Roe", 40))
    assert "2 of 2" in browser.words()
    result = browser.tab.session_state["scored"]
    names = ["name", "pclass", "sex", "age", "alone", "boarded", "prediction", "probability 0", "probability 1"]
    rows = person.fetch(result.file)
    assert rows[0] == names
    assert rows[1] == ["Doe, J", "3", "male", "22", "true", "1912-04-10", "0", "0.87", "0.13"]
    assert list(browser.tab.dataframe[0].value.columns) == names
    assert result.problems == ""
    assert not list(spool.folder.iterdir())


def test_rows_that_do_not_fit_are_listed_apart(scoring_as: Callable[[str], Scoring]) -> None:
    person = scoring_as("scientist")
    browser = person.upload(HEADER + "".join(ROW.format(n, 13 if n in {2, 5} else 30) for n in range(1, 8)))
    assert "5 of 7" in browser.words()
    result = browser.tab.session_state["scored"]
    assert person.fetch(result.problems) == [
        ["row", "field", "problem"], ["2", "age", "is unlucky"], ["5", "age", "is unlucky"]
    ]  # fmt: skip
    assert [row[6] for row in person.fetch(result.file)[1:]] == ["0", "", "0", "0", "", "0", "0"]


@pytest.mark.parametrize(("text", "said"), [("a,b\n1,2\n", "lacks"), (HEADER, "no row")])
def test_a_bad_file_is_explained_and_asks_nothing(
    scoring_as: Callable[[str], Scoring], stub: StubPlatform, text: str, said: str
) -> None:
    browser = scoring_as("expert").upload(text)
    assert said in browser.tab.error[0].value
    assert ("POST", ADDRESS) not in stub.calls
    assert "scored" not in browser.tab.session_state


def test_a_refusal_of_the_platform_is_shown(scoring_as: Callable[[str], Scoring], stub: StubPlatform) -> None:
    stub.refusals["POST", ADDRESS] = problem(503, "not-ready", "The models are being loaded.")
    browser = scoring_as("expert").upload(HEADER + ROW.format("a", 1))
    assert "being loaded" in browser.tab.error[0].value


def test_an_upload_of_another_is_not_scored(
    scoring_as: Callable[[str], Scoring], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = scoring_as("expert")
    upload_id = send(person.web, b"a,b\n1,2\n")
    person.browser.sign_in("manager")
    monkeypatch.setattr(batch, "upload_rows", lambda *_: upload_id)
    tab = person.browser.open("predict")
    tab.segmented_control(key="how_titanic").set_value("A file of rows").run()
    assert "not known" in tab.error[0].value


def test_nobody_fetches_the_file_of_another(web: httpx.Client, files: ScoredFiles, stub: StubPlatform) -> None:
    mine, others = handle_for("expert"), handle_for("manager")
    token = files.write(digest(others), ["a"], [[1]])
    web.cookies.set(NAME, mine)
    for asked in ({"token": token}, {"token": "../signet.db"}, {}):
        assert web.post("/ui/downloads/scored", json=asked, headers=OURS).status_code == 404
    web.cookies.set(NAME, others)
    assert web.post("/ui/downloads/scored", json={"token": token}).status_code == 403
    assert web.post("/ui/downloads/scored", json={"token": token}, headers=OURS).content == b"a\r\n1\r\n"


def test_an_upload_that_is_not_whole_is_not_kept(web: httpx.Client, stub: StubPlatform) -> None:
    web.cookies.set(NAME, handle_for("expert"))
    upload_id = web.post("/ui/uploads", json={"filename": "t", "size": 9}, headers=OURS).json()["id"]
    assert web.post(f"/ui/uploads/{upload_id}/keep", headers=OURS).status_code == 409


def test_files_are_private_and_few(files: ScoredFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [files.write("ann", ["a"], [[number]]) for number in range(scored.MOST_EACH + 1)]
    kept = files.find("ann", tokens[-1])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    assert len(list(files.folder.iterdir())) == scored.MOST_EACH
    with pytest.raises(RelayError):
        files.find("ann", tokens[0])
    monkeypatch.setattr(scored, "STALE_SECONDS", -1.0)
    with pytest.raises(RelayError):
        files.find("ann", tokens[-1])
    files.clear()
    assert not files.folder.exists()


class Answers:
    """A platform that answers slices, by a newer version each time it is asked without one."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str | None]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        rows = httpx.Response(200, content=request.read()).json()["features"]
        self.asked.append((len(rows), request.url.params.get("version")))
        wrong = [number for number, row in enumerate(rows) if row["x"] is None]
        if wrong:
            # One row alone is told of without its number.
            listed = [
                {"field": "x", "problem": "is missing"} | ({"row": n} if len(rows) > 1 else {}) for n in wrong[:20]
            ]
            return problem(422, "invalid-fields", "x", problems=listed)
        found = request.url.params.get("version") or str(len(self.asked))
        return httpx.Response(200, json={"predictions": [row["x"] for row in rows], "model": "m", "version": found})


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def signet(answers: Answers) -> Signet:
    return Signet("https://platform.test", transport=httpx.MockTransport(answers))


def test_slices_are_answered_by_the_version_of_the_first(signet: Signet, answers: Answers) -> None:
    told: list[float] = []
    found = score(signet, [{"x": n} for n in range(1200)], model="m", version=None, told=told.append)
    assert answers.asked == [(500, None), (500, "1"), (200, "1")]
    assert [answer.prediction for answer in found.answers.values()] == list(range(1200))
    assert (found.version, told[-1], len(told)) == ("1", 1.0, 3)


def test_a_refused_row_does_not_stop_the_others(signet: Signet) -> None:
    found = score(signet, [{"x": n if n % 3 else None} for n in range(90)], model="m", version=None)
    assert [problem.row for problem in found.problems] == list(range(0, 90, 3))
    assert len(found.answers) == 60
    assert all(found.answers[n].prediction == n for n in found.answers)


def test_a_row_alone_that_does_not_fit(signet: Signet) -> None:
    found = score(signet, [{"x": None}], model="m", version=None)
    assert [(each.row, each.field) for each in found.problems] == [(0, "x")]
    assert found.is_whole


def test_with_too_many_that_do_not_fit_it_ends(
    signet: Signet, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MOST_PROBLEMS", 40)
    found = score(signet, [{"x": None} for _ in range(1200)], model="m", version=None)
    assert (len(answers.asked), len(found.problems), found.is_whole) == (2, 40, False)


def test_other_refusals_are_raised() -> None:
    down = httpx.MockTransport(lambda request: problem(503, "not-ready", "Not yet."))
    with pytest.raises(NotReady):
        score(Signet("https://platform.test", transport=down), [{"x": 1}], model="m", version=None)
