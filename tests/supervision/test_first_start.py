"""What a home gets before its first process runs."""

import stat

import pytest

from backend.database import db
from backend.datasets.store import list_datasets
from backend.identity.users import INITIAL_PASSWORD, ensure_administrator, list_users
from backend.storage import create_storage
from backend.supervision import first_start
from backend.supervision.first_start import prepare
from backend.supervision.marker import is_first
from backend.training.jobs import list_jobs


@pytest.fixture
def home(settings, tmp_path):
    return settings.model_copy(update={"home": tmp_path / "new" / "home"})


@pytest.fixture
def inside(home):
    """The home's database, once it is prepared."""
    prepare(home)
    with create_storage(home).app_context():
        yield home
        db.session.remove()
        db.engine.dispose()


def test_everything_is_made(inside, capsys):
    assert (inside.certs / "ca.pem").exists()
    assert (inside.certs / "token-key.pem").exists()
    assert (inside.certs / "mlflow-token").exists()
    assert [(user.username, user.role) for user in list_users()] == [("admin", "admin")]
    assert is_first(inside)


def test_sample_waits_for_the_worker(inside):
    (dataset,) = list_datasets()
    assert [column["name"] for column in dataset.columns] == [
        "sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)", "species",
    ]  # fmt: skip
    assert (dataset.name, dataset.rows) == ("iris", 150)
    (job,) = list_jobs()
    assert (job.model, job.target, job.state, job.dataset_id) == ("iris", "species", "queued", dataset.id)


def test_later_starts_change_nothing(inside, capsys):
    before = {path: path.stat().st_mtime_ns for path in inside.certs.rglob("*") if path.is_file()}
    capsys.readouterr()
    prepare(inside)
    after = {path: path.stat().st_mtime_ns for path in inside.certs.rglob("*") if path.is_file()}
    assert {path for path in before if before[path] != after[path]} <= {inside.certs / ".lock"}
    assert len(list_users()) == len(list_jobs()) == 1
    assert capsys.readouterr().out == ""


def test_only_the_owner_can_read_anything(inside):
    paths = [inside.home, *inside.home.rglob("*")]
    assert [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_password_is_named_but_not_printed(home, capsys):
    prepare(home)
    said = capsys.readouterr().out
    assert str(home.certs / INITIAL_PASSWORD) in said
    assert (home.certs / INITIAL_PASSWORD).read_text().strip() not in said


def test_start_that_was_cut_short_is_repeated_whole(home, monkeypatch):
    def cut(_settings):
        ensure_administrator(home)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(first_start, "ensure_administrator", cut)
        with pytest.raises(KeyboardInterrupt):
            prepare(home)
    prepare(home)
    with create_storage(home).app_context():
        assert len(list_users()) == len(list_jobs()) == len(list_datasets()) == 1
        db.session.remove()
        db.engine.dispose()
