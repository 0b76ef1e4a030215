"""Waiting for every part, and the three lines that invite the person."""

import json
import shutil
import subprocess
import threading
import time

import pytest

from backend.identity.authority import ensure_authority
from backend.identity.users import INITIAL_PASSWORD
from backend.settings import Settings
from backend.supervision.invitation import curl
from backend.supervision.marker import is_first, mark_first
from backend.supervision.ready import announce
from tests.supervision.doors import Doors


@pytest.fixture
def home(tmp_path):
    return tmp_path / "a home with spaces"


@pytest.fixture
def certs(home):
    ensure_authority(Settings(home=home))
    return home / "certs"


@pytest.fixture
def api(certs):
    doors = Doors(certs)
    doors.answers["GET /health/ready"] = (200, {})
    doors.answers["POST /login"] = sign_in
    doors.answers["GET /v1/jobs?model=iris&limit=1"] = job("succeeded")
    doors.answers["POST /predict"] = doors.answers["POST /v1/models/iris/predict"] = predict
    yield doors
    doors.close()


@pytest.fixture
def ui(certs):
    doors = Doors(certs)
    doors.answers["GET /_stcore/health"] = (200, "ok")
    yield doors
    doors.close()


@pytest.fixture
def mlflow():
    doors = Doors()
    doors.answers["GET /health"] = (200, "OK")
    yield doors
    doors.close()


@pytest.fixture
def settings(home, api, ui, mlflow):
    return Settings(home=home, port=api.port, ui_port=ui.port, mlflow_port=mlflow.port)


@pytest.fixture
def password(certs):
    path = certs / INITIAL_PASSWORD
    path.write_text("Abc-123_xyz\n")
    return path


def sign_in(_headers, body):
    people = json.loads(body)
    good = people == {"username": "admin", "password": "Abc-123_xyz"}
    return (200, {"access_token": "a.b-c_d", "refresh_token": "e.f.g", "expires_in": 900}) if good else (401, {})


def predict(headers, body):
    allowed = headers.get("Authorization") == "Bearer a.b-c_d" and json.loads(body)["features"][0] == 5.1
    return (200, {"prediction": "setosa"}) if allowed else (401, {"error": "Sign in first"})


def job(state, error=None):
    return 200, {"items": [{"state": state, "error": error}]}


def test_says_where_as_whom_and_how(settings, password, capsys):
    assert announce(settings, time.time() - 12) == 0
    where, who, how = capsys.readouterr().out.splitlines()
    assert where.startswith("Signet is ready after 12.")
    assert where.endswith(f"Sign in at https://localhost:{settings.ui_port}")
    assert who == f"as admin with the password in {password}"
    assert how == curl(settings)


def test_first_start_tells_the_password_once(settings, password, capsys):
    mark_first(settings)
    assert announce(settings, time.time()) == 0
    assert "with the password Abc-123_xyz (kept in" in capsys.readouterr().out
    assert not is_first(settings)
    assert announce(settings, time.time()) == 0
    assert "Abc-123_xyz" not in capsys.readouterr().out


def test_first_start_waits_for_the_sample_model(settings, password, api, capsys):
    mark_first(settings)
    states, tries = iter(["queued", "running"]), iter([(503, {})])
    api.answers["GET /v1/jobs?model=iris&limit=1"] = lambda *_: job(next(states, "succeeded"))
    api.answers["POST /v1/models/iris/predict"] = lambda *request: next(tries, None) or predict(*request)
    assert announce(settings, time.time()) == 0
    assert len([what for what, *_ in api.asked if what == "POST /v1/models/iris/predict"]) == 2
    assert len([what for what, *_ in api.asked if what == "POST /login"]) == 1


def test_sample_that_cannot_be_trained_is_told_and_stops_nothing(settings, password, api, capsys):
    mark_first(settings)
    api.answers["GET /v1/jobs?model=iris&limit=1"] = job("failed", "no memory")
    assert announce(settings, time.time()) == 0
    assert "The sample model was not trained: no memory." in capsys.readouterr().out


def test_changed_password_is_not_waited_for(settings, capsys):
    mark_first(settings)
    assert announce(settings, time.time()) == 0
    assert "with your own account" in capsys.readouterr().out


def test_part_that_comes_late_is_waited_for(settings, password, mlflow, capsys):
    mlflow.answers["GET /health"] = (503, {})
    threading.Timer(0.3, mlflow.answers.update, [{"GET /health": (200, "OK")}]).start()
    assert announce(settings, time.time(), deadline=20) == 0
    assert len(mlflow.asked) > 1


def test_part_that_never_answers_is_named(settings, password, mlflow, ui, capsys):
    mlflow.answers.clear()
    ui.close()
    assert announce(settings, time.time(), deadline=0.3) == 1
    assert capsys.readouterr().out.startswith("MLflow and the web app did not answer within 0 s.")


def paste(line, shell, **more):
    return subprocess.run([shell, "-c", line], check=False, capture_output=True, text=True, timeout=30, **more)


shells = pytest.mark.parametrize("shell", [name for name in ("sh", "bash", "dash", "zsh") if shutil.which(name)])


@shells
@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
def test_line_works_as_pasted(settings, password, shell, proxy, monkeypatch):
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    done = paste(curl(settings), shell)
    assert (done.stdout, done.stderr) == ('{"prediction":"setosa"}', "")


@shells
def test_line_asks_for_the_password_once_that_was_changed(settings, shell):
    """Python's getpass reads standard input where there is no terminal, as here."""
    done = paste(curl(settings), shell, input="Abc-123_xyz\n", start_new_session=True)
    assert done.stdout == '{"prediction":"setosa"}'


def test_line_holds_no_password(settings, password):
    assert "Abc-123_xyz" not in curl(settings)
