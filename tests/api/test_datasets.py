"""Uploads over HTTP."""

import io
from pathlib import Path

import pytest

from backend.settings import Settings
from tests.conftest import Person

CSV = b"id,colour,size\n" + b"".join(b"%04d,%s,%d.5\n" % (i, (b"red", b"blue")[i % 2], i) for i in range(40))


def _upload(person: Person, content: bytes = CSV, filename: str = "things.csv", **form: str):  # type: ignore[no-untyped-def]
    return person.post("/v1/datasets", data={"file": (io.BytesIO(content), filename), **form})


def _files(settings: Settings) -> list[Path]:
    return [
        path for folder in ("datasets", "uploads") for path in (settings.data / folder).glob("**/*") if path.is_file()
    ]


def test_an_upload_is_profiled_listed_previewed_and_deleted(expert: Person, settings: Settings) -> None:
    made = _upload(expert)
    assert made.status_code == 201, made.text
    dataset = made.get_json()
    assert (dataset["name"], dataset["rows"], dataset["bytes"]) == ("things", 40, len(CSV))
    assert [(c["name"], c["type"]) for c in dataset["columns"]] == [
        ("id", "text"),
        ("colour", "category"),
        ("size", "number"),
    ]
    path = f"/v1/datasets/{dataset['id']}"
    assert expert.get("/v1/datasets").get_json()["items"] == [dataset]
    assert expert.get(path).get_json() == dataset
    assert expert.get(f"{path}/preview?limit=1").get_json()["rows"] == [{"id": "0000", "colour": "red", "size": 0.5}]
    assert expert.delete(path).status_code == 204
    assert expert.get(path).status_code == 404
    assert _files(settings) == []


def test_a_bad_file_says_what_and_where_and_leaves_nothing(expert: Person, settings: Settings) -> None:
    answer = _upload(expert, CSV + b"40,red,4.5,extra\n")
    assert answer.status_code == 422
    assert "42" in answer.get_json()["detail"]
    assert expert.get("/v1/datasets").get_json()["items"] == []
    assert _files(settings) == []


@pytest.mark.parametrize(
    ("filename", "name"),
    [("../../etc/passwd.csv", "passwd"), ("", "dataset"), ("x" * 90 + ".csv", "x" * 90)],
)
def test_a_files_name_never_becomes_a_path(expert: Person, settings: Settings, filename: str, name: str) -> None:
    answer = _upload(expert, filename=filename or "dataset")
    assert answer.get_json()["name"] == name, answer.text
    (kept,) = _files(settings)
    assert kept.name == f"{answer.get_json()['id']}.parquet"


def test_what_is_no_upload_is_refused_by_name(expert: Person) -> None:
    assert expert.post("/v1/datasets", data=b"a,b", content_type="text/csv").status_code == 415
    missing = expert.post("/v1/datasets", data={"name": "x"}, content_type="multipart/form-data")
    assert (missing.status_code, "'file'" in missing.get_json()["detail"]) == (400, True)
    assert _upload(expert, header="maybe").status_code == 422
    assert _upload(expert, unknown="x").status_code == 422


def test_options_are_obeyed(expert: Person) -> None:
    dataset = _upload(expert, b"1;2,5\n2;3,5\n3;4,5\n", header="false", delimiter=";", decimal=",").get_json()
    assert [c["type"] for c in dataset["columns"]] == ["integer", "number"]
    assert dataset["rows"] == 3


def test_a_manager_reads_no_data(manager: Person) -> None:
    assert manager.get("/v1/datasets").status_code == 403
    assert _upload(manager).status_code == 403
