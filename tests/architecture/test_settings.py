"""What settings make of the environment and of files beside it."""

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from backend.settings import Settings


def test_a_password_of_its_own_opens_the_database(tmp_path: Path) -> None:
    url = "postgresql+psycopg://signet@db/signet"
    opened = make_url(Settings(home=tmp_path, database_url=url, database_password="p@ss/w:rd").database)
    assert (opened.password, opened.username, opened.host, opened.database) == ("p@ss/w:rd", "signet", "db", "signet")
    assert Settings(home=tmp_path, database_url=url).database == url
    assert Settings(home=tmp_path, database_password="x").database.startswith("sqlite:///")


def test_a_file_stands_for_a_variable_that_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "signet_database_password").write_text("from the file\n")
    assert Settings(_secrets_dir=tmp_path).database_password.get_secret_value() == "from the file"
    monkeypatch.setenv("SIGNET_DATABASE_PASSWORD", "from the variable")
    assert Settings(_secrets_dir=tmp_path).database_password.get_secret_value() == "from the variable"


def test_no_password_is_shown(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://u:secret@db/x", database_password="secret")
    assert "secret" not in repr(settings)


def test_people_reach_mlflow_where_it_is_published() -> None:
    assert Settings(mlflow_port=5999).mlflow_for_people == "http://127.0.0.1:5999"
    public = "https://signet.example.org:5443"
    assert Settings(mlflow_url="http://mlflow:5000", mlflow_public_url=public).mlflow_for_people == public
