"""Files made to end whoever reads them: uploads and Parquet bodies are refused, and this process lives on as it was."""

import io
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.algorithms.signature import Column
from backend.datasets.intake import take_in
from backend.datasets.options import AS_FOUND
from backend.errors import DatasetUnreadable, Invalid, Malformed, SignetError, TooLarge
from backend.serving.parquet_body import encode_parquet
from backend.settings import Settings
from tests.datasets.hostile_parquet import CRAFTED, MB, honest
from tests.datasets.workbooks import one_cell_far_away

COLUMNS = [Column("a", "number"), Column("b", "category", ("x", "y"), missing=True)]
FLIPS = 200
# Its metadata tells fifty rows, and no more of its run are unpacked where a table is made a part at a time.
READ_AS_UPLOAD = {"one number for billions of rows"}


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Bounds that a bomb reaches soon."""
    return settings.model_copy(update={"parquet_memory_mb": 512, "upload_memory_mb": 512})


Upload = Callable[[bytes], int]


@pytest.fixture
def upload(small: Settings, tmp_path: Path) -> Upload:
    """Takes a file in, says how many rows it has, and sees that nothing is left of one that is refused."""

    def take(content: bytes, filename: str = "table.parquet") -> int:
        folder = tmp_path / f"upload-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "upload").write_bytes(content)
        target = folder / "datasets" / "made.parquet"
        try:
            made = take_in(small, folder / "upload", filename, AS_FOUND, target)
        except SignetError:
            assert not target.exists()
            raise
        assert target.stat().st_mode & 0o777 == 0o600
        return made.rows

    return take


@contextmanager
def little_memory() -> Iterator[None]:
    """This process takes no more than a few copies of a body, whatever it says to unpack to."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _most_memory()
    yield
    assert _most_memory() - before < 64 * MB


def _most_memory() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def ordinary() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": np.arange(50.0), "b": ["x", "y"] * 25}), sink)
    return sink.getvalue()


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_body_is_refused(small: Settings, name: str) -> None:
    body = CRAFTED[name]()
    with little_memory(), pytest.raises((Malformed, TooLarge, Invalid)) as refused:
        encode_parquet(small, COLUMNS[:1], body)
    assert 10 < len(refused.value.detail) < 600
    assert encode_parquet(small, COLUMNS[:1], honest()).tolist() == [[1], [2], [3]]


@pytest.mark.parametrize("name", sorted(CRAFTED.keys() - READ_AS_UPLOAD))
def test_a_crafted_upload_is_refused(upload: Upload, name: str) -> None:
    body = CRAFTED[name]()
    with little_memory(), pytest.raises((DatasetUnreadable, TooLarge)) as refused:
        upload(body)
    assert len(refused.value.detail) > 10
    assert upload(honest()) == 3


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("groups in groups without end", Malformed, "could not be read: it is damaged"),
        ("a page of zstd", TooLarge, "could not be read: to read it takes more than 512 MB of memory"),
        ("one number for billions of rows", TooLarge, "more than 512 MB of memory"),
        ("one text for all rows", TooLarge, "unpacks to more than 16 MB"),
        ("more rows than its page has", Malformed, "damaged"),
    ],
)
def test_the_answer_says_what_is_wrong(small: Settings, name: str, kind: type[SignetError], words: str) -> None:
    with pytest.raises(kind, match=words):
        encode_parquet(small, COLUMNS[:1], CRAFTED[name]())


def test_an_upload_that_ends_its_reader_is_named_after_what_it_looks_like(upload: Upload) -> None:
    with pytest.raises(DatasetUnreadable, match="could not be read as Parquet: it is damaged"):
        upload(CRAFTED["groups in groups without end"]())
    with pytest.raises(TooLarge, match="could not be read as Excel: to read it takes more than 512 MB of memory"):
        upload(one_cell_far_away())


def test_bytes_flipped_anywhere_are_an_answer(small: Settings) -> None:
    """Where the flip hit a value, the answer is another one; a read of other rows or of other columns would be a fault."""
    chance, whole = random.Random(4), ordinary()  # noqa: S311
    for _ in range(FLIPS):
        body = bytearray(whole)
        for _ in range(chance.choice((1, 1, 4))):
            body[chance.randrange(len(body))] ^= chance.randrange(1, 256)
        try:
            assert encode_parquet(small, COLUMNS, bytes(body)).shape == (50, 2)
        except (Malformed, TooLarge, Invalid):
            continue
    assert encode_parquet(small, COLUMNS, whole)[:, 0].tolist() == list(range(50))


def test_bytes_flipped_in_an_upload_are_an_answer(upload: Upload) -> None:
    chance, whole = random.Random(5), ordinary()  # noqa: S311
    for _ in range(FLIPS // 4):
        body = bytearray(whole)
        body[chance.randrange(len(body))] ^= chance.randrange(1, 256)
        try:
            assert upload(bytes(body)) == 50
        except (DatasetUnreadable, TooLarge):
            continue


def test_values_that_repeat_may_not_become_a_matrix_of_any_size(settings: Settings) -> None:
    """A body of a few kilobytes that is a table of 24 MB."""
    columns = [Column(f"c{place}", "number") for place in range(30)]
    zeros = pa.array(np.zeros(100_000))
    sink = io.BytesIO()
    pq.write_table(pa.table({column.name: zeros for column in columns}), sink, compression="zstd")
    narrow = settings.model_copy(update={"max_body_mb": 1})
    assert len(sink.getvalue()) < MB / 10
    with pytest.raises(TooLarge, match="unpacks to more than 16 MB"):
        encode_parquet(narrow, columns, sink.getvalue())
