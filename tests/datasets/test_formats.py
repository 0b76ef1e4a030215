"""What is no table is refused by its content, and pickle by its name as well."""

import gzip
import io
import lzma
import pickle
import zipfile
import zlib

import numpy as np
import pytest

from backend.errors import DatasetUnreadable
from tests.datasets.conftest import Reader

ROWS = {"a": [1, 2], "b": ["x", "y"]}


class Custom:
    def __init__(self) -> None:
        self.a = 1


def _zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(3))
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


PICKLES = [
    *(pickle.dumps(value, protocol) for value in (ROWS, [1, 2], Custom(), (1, "a")) for protocol in range(6)),
    _zipped(archive__data_pkl=pickle.dumps(ROWS)),
    _npz(),
    _npy(),
]


@pytest.mark.parametrize("content", PICKLES, ids=range(len(PICKLES)))
def test_pickle_is_refused_by_content(read: Reader, content: bytes) -> None:
    with pytest.raises(DatasetUnreadable, match=r"[Pp]ickle.*Accepted are CSV"):
        read(content, "innocent.csv")


@pytest.mark.parametrize("name", ["a.pkl", "A.PICKLE", "model.joblib", "x.pt", "x.npz", "../x.dill"])
def test_pickle_is_refused_by_name(read: Reader, name: str) -> None:
    with pytest.raises(DatasetUnreadable, match="can run code"):
        read("a,b\n1,2\n", name)


OTHERS = [
    (gzip.compress(b"a,b\n1,2\n"), "gzip"),
    (lzma.compress(b"a,b\n1,2\n"), "xz"),
    (zlib.compress(b"a,b\n1,2\n"), "zlib"),
    (_zipped(data_csv=b"a,b\n1,2\n"), "unpack it first"),
    (b"<!DOCTYPE html><table><tr><td>1</td></tr></table>", "web page"),
    (b"\xef\xbb\xbf\n <html>", "web page"),
    (b'<?xml version="1.0"?><a/>', "web page or XML"),
    (b'{"a": [1, 2]}', "JSON"),
    (b'[{"a": 1}, {"a": 2}]', "JSON"),
    (b"[[1, 2], [3, 4]]", "JSON"),
    (b"%PDF-1.7 ...", "PDF"),
    (b"SQLite format 3\x00...", "SQLite"),
    (b"ARROW1\x00\x00...", "Arrow"),
    (b"\x89PNG\r\n\x1a\n", "an image"),
    (b"PK\x03\x04 cut short", "damaged or cut short"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 cut short", "damaged"),
    (b"PAR1 cut short", "Parquet file is damaged"),
    (bytes(range(256)), "zero byte"),
]


@pytest.mark.parametrize(("content", "what"), OTHERS, ids=range(len(OTHERS)))
def test_other_files_are_refused_by_what_they_are(read: Reader, content: bytes, what: str) -> None:
    for name in ("data.csv", "data.parquet", "data.xlsx"):
        with pytest.raises(DatasetUnreadable) as caught:
            read(content, name)
        assert what in caught.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "<DATE>,<OPEN>\n2024-01-01,1\n",
        "count\n1\n2.",
        "cat\ndog\nx.",
        "(a),(b)\n1,2\n",
        "[a],[b]\n1,2\n",
        "{x},y\n1,2\n",
    ],
)
def test_tables_that_look_strange_are_tables(read: Reader, text: str) -> None:
    assert read(text, "data.html").rows >= 1


def test_the_name_does_not_decide(read: Reader) -> None:
    assert read("a,b\n1,2\n", "data.xlsx").format == "csv"
