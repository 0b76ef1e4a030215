"""Datasets in the database and on the disk, together or not at all."""

import hashlib
import io
import json

import pytest

from backend.database import db
from backend.datasets import store
from backend.datasets.contents import read_columns
from backend.datasets.options import ReadOptions
from backend.datasets.tables import Dataset
from backend.errors import DatasetUnreadable, Invalid, NotFound, TooLarge
from backend.settings import Settings
from tests.datasets.test_uploads import Endless

CSV = b"a,a.b,when\n1,x,2024-05-31\n2,,\n"

pytestmark = pytest.mark.usefixtures("app")


def _create(
    settings: Settings, content: bytes = CSV, name: str = "sales", filename: str = "../../etc/x.csv"
) -> Dataset:
    return store.create_dataset(settings, "eve", name, io.BytesIO(content), filename, ReadOptions())


def _files(settings: Settings) -> list[str]:
    return sorted(str(path.relative_to(settings.data)) for path in settings.data.glob("*/**/*") if path.is_file())


def test_a_dataset_is_kept_with_its_profile(settings: Settings) -> None:
    made = _create(settings)
    db.session.commit()
    dataset = store.get_dataset(made.id)
    assert (dataset.name, dataset.created_by, dataset.rows, dataset.bytes) == ("sales", "eve", 2, len(CSV))
    assert dataset.sha256 == hashlib.sha256(CSV).hexdigest()
    assert [(c["name"], c["type"], c["missing"], c["distinct"]) for c in dataset.columns] == [
        ("a", "integer", 0, 2), ("a.b", "category", 1, 1), ("when", "datetime", 1, 1),
    ]  # fmt: skip
    assert dataset.created_at.tzinfo is not None
    assert (dataset.source_format, dataset.options, dataset.warnings) == ("csv", {}, [])
    assert _files(settings) == [f"datasets/{made.id}.parquet"]
    assert store.dataset_path(settings, dataset).stat().st_mode & 0o077 == 0


def test_the_preview_is_strict_json(settings: Settings) -> None:
    dataset = _create(settings)
    rows = store.preview(settings, dataset)
    assert json.loads(json.dumps(rows, allow_nan=False)) == [
        {"a": 1, "a.b": "x", "when": "2024-05-31T00:00:00"},
        {"a": 2, "a.b": None, "when": None},
    ]
    assert store.preview(settings, dataset, 1) == rows[:1]


def test_columns_are_read_by_name(settings: Settings) -> None:
    dataset = _create(settings)
    assert read_columns(settings, dataset, ["a.b", "a"]).column_names == ["a.b", "a"]
    assert read_columns(settings, dataset).num_rows == 2


def test_datasets_are_listed_newest_first_and_names_may_repeat(settings: Settings) -> None:
    made = [_create(settings).id for _ in range(3)]
    assert [dataset.id for dataset in store.list_datasets()] == made[::-1]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "nul\0", "\ud800"])
def test_bad_names_are_refused_before_anything_is_read(settings: Settings, name: str) -> None:
    stream = Endless(10)
    with pytest.raises(Invalid, match="name"):
        store.create_dataset(settings, "eve", name, stream, "x.csv")  # type: ignore[arg-type]
    assert stream.left == 10


@pytest.mark.parametrize("name", ["x", "  x" * 25, "Größe 年", "<script>", "../.."])
def test_any_other_name_will_do(settings: Settings, name: str) -> None:
    assert _create(settings, name=name).name == name.strip()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1\n",
        b"a,a\n1,2\n",
        b"\x80\x04.",
        b"PAR1x",
        b"PK\x03\x04x",
        b"a,b\n1,2\n\0",
        b"a,b\n1,\xff\n" * 9 + b"3\n",
    ],
)
def test_nothing_is_left_of_what_cannot_be_read(settings: Settings, content: bytes) -> None:
    with pytest.raises(DatasetUnreadable):
        _create(settings, content)
    assert (_files(settings), list((settings.data / "uploads").iterdir()), store.list_datasets()) == ([], [], [])


def test_the_limit_is_the_setting(settings: Settings) -> None:
    small = settings.model_copy(update={"max_upload_mb": 1})
    with pytest.raises(TooLarge, match="1 MB"):
        store.create_dataset(small, "eve", "x", Endless(2**30), "x.csv")  # type: ignore[arg-type]
    assert _files(settings) == []


def test_the_limit_of_columns_is_a_setting(settings: Settings) -> None:
    narrow = settings.model_copy(update={"max_columns": 2})
    with pytest.raises(TooLarge, match="The file has 3 columns; at most 2 can be read"):
        store.create_dataset(narrow, "eve", "x", io.BytesIO(b"a,b,c\n1,2,3\n"), "x.csv")
    assert _files(settings) == []


def test_a_disk_that_fails_leaves_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.durable.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        _create(settings)
    assert _files(settings) == []


def test_a_rolled_back_dataset_leaves_no_file(settings: Settings) -> None:
    path = store.dataset_path(settings, _create(settings))
    assert path.exists()
    db.session.rollback()
    assert not path.exists()
    assert store.list_datasets() == []


def test_a_row_that_cannot_be_written_leaves_no_file(settings: Settings) -> None:
    db.session.execute(db.text("DROP TABLE datasets"))
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        _create(settings)
    db.session.rollback()
    assert _files(settings) == []


def test_deleting_removes_the_file_with_the_commit_and_not_before(settings: Settings) -> None:
    made = _create(settings)
    db.session.commit()
    path = store.dataset_path(settings, made)
    store.delete_dataset(settings, made.id)
    assert path.exists()
    db.session.rollback()
    assert path.exists()
    db.session.commit()
    assert path.exists()
    store.delete_dataset(settings, made.id)
    db.session.commit()
    assert not path.exists()
    with pytest.raises(NotFound):
        store.get_dataset(made.id)
    with pytest.raises(NotFound):
        store.delete_dataset(settings, made.id)


def test_a_file_that_is_gone_is_said(settings: Settings) -> None:
    made = _create(settings)
    store.dataset_path(settings, made).unlink()
    with pytest.raises(NotFound, match="Upload it again"):
        store.preview(settings, made)
