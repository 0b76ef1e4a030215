"""Bodies made to cost much more than they weigh: each is refused, costs bounded memory and time, and the process lives on."""

import io
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.datasets.hostile_parquet import CRAFTED
from tests.e2e.load import CSV, HEADER, INFER, JSON, NATIVE, PARQUET, SCORE, Headers
from tests.e2e.running import Platform
from tests.e2e.services import Service

MB = 1024 * 1024
FULL = 15 * MB  # near `SIGNET_MAX_BODY_MB`, which is 16
NUMBERS = {"name": "x", "datatype": "FP64"}
Body = Callable[[], bytes]


def _infer(**tensor: object) -> bytes:
    return json.dumps({"inputs": [NUMBERS | tensor]}).encode()


def _binary(size: int, raw: bytes, **tensor: object) -> bytes:
    return _infer(parameters={"binary_data_size": size}, **tensor) + raw


def _parquet_of_long_texts() -> bytes:
    """A dictionary of one long text that every row names."""
    text = pa.array(["x" * 100_000]).dictionary_encode().dictionary
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), text)
    sink = io.BytesIO()
    pq.write_table(pa.table({"sepal length (cm)": column}), sink)
    return sink.getvalue()


def _parquet_of_many_rows() -> bytes:
    sink = io.BytesIO()
    names = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    pq.write_table(pa.table({name: np.zeros(20_000_000) for name in names}), sink, compression="zstd")
    return sink.getvalue()


LENGTH = str(len(_binary(2**40, b"", shape=[2**30, 4])))
BOMBS: dict[str, tuple[str, Headers, Body]] = {
    "lists in lists": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": ' + b"[" * FULL),
    "objects in objects": (NATIVE, {"Content-Type": JSON}, lambda: b'{"a":' * (FULL // 5)),
    "a number of many digits": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": [' + b"9" * FULL + b"]}"),
    "a fraction of many digits": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": [0.' + b"9" * FULL + b",1]}"),
    "a long exponent": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": [1e' + b"9" * FULL + b"]}"),
    "a row of millions": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": [0' + b",0" * (FULL // 2) + b"]}"),
    "millions of rows": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": [[]' + b",[]" * (FULL // 3) + b"]}"),
    "millions of keys": (
        NATIVE, {"Content-Type": JSON},
        lambda: b'{"features": {' + b",".join(b'"%d":0' % n for n in range(1_200_000)) + b"}}",
    ),
    "one key many times": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": {"a":0' + b',"a":0' * (FULL // 6) + b"}}"),
    "escapes": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": "' + b"\\ud83d" * (FULL // 6) + b'"}'),
    "backslashes": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": "' + b"\\" * FULL + b'"}'),
    "a bad byte at the end": (NATIVE, {"Content-Type": JSON}, lambda: b'{"features": "' + b"a" * FULL + b'\xff"}'),
    "a shape that overflows": (INFER, {}, lambda: _infer(shape=[2**60, 2**10], data=[1.0])),
    "a shape of negative sizes": (INFER, {}, lambda: _infer(shape=[-1, -4], data=[1.0])),
    "a shape of many dimensions": (INFER, {}, lambda: _infer(shape=[1] * 1_000_000, data=[1.0])),
    "many tensors": (INFER, {}, lambda: json.dumps({"inputs": [NUMBERS | {"shape": [1], "data": [0]}] * 200_000}).encode()),
    "more bytes announced than sent": (INFER, {HEADER: LENGTH}, lambda: _binary(2**40, b"", shape=[2**30, 4])),
    "a JSON longer than the body": (INFER, {HEADER: "999999999999"}, lambda: _infer(shape=[1, 4], data=[1] * 4)),
    "a length that is no number": (INFER, {HEADER: "1" * 5000}, lambda: _infer(shape=[1, 4], data=[1] * 4)),
    "a text of 4 GB announced": (
        INFER, {HEADER: str(len(_binary(8, b"", shape=[1, 1], datatype="BYTES")))},
        lambda: _binary(8, struct.pack("<II", 2**32 - 1, 0), shape=[1, 1], datatype="BYTES"),
    ),
    "fields of CSV": (SCORE, {"Content-Type": CSV}, lambda: b"a\n" + b"," * FULL),
    "a header of CSV": (SCORE, {"Content-Type": CSV}, lambda: b"a," * (FULL // 2) + b"\n1\n"),
    "a quote that never ends": (SCORE, {"Content-Type": CSV}, lambda: b'a\n"' + b"x" * FULL),
    "lines of CSV": (SCORE, {"Content-Type": CSV}, lambda: b"a\n" + b"1\n" * (FULL // 2)),
    "a dictionary of Parquet": (SCORE, {"Content-Type": PARQUET}, _parquet_of_long_texts),
    **{
        f"{name}, in Parquet": (SCORE, {"Content-Type": PARQUET}, CRAFTED[name])
        for name in ("groups in groups without end", "100,000 columns", "a million groups of rows", "a footer of 4 GB")
    },
    "rows of Parquet": (SCORE, {"Content-Type": PARQUET}, _parquet_of_many_rows),
    "gzip": (NATIVE, {"Content-Type": JSON, "Content-Encoding": "gzip"}, lambda: _gzip(bytes(500 * MB))),
    "gzip of nests": (NATIVE, {"Content-Type": JSON, "Content-Encoding": "gzip"}, lambda: _gzip(b"[" * FULL)),
    "split of ragged rows": (
        SCORE, {"Content-Type": JSON},
        lambda: b'{"dataframe_split": {"columns": ["a"], "data": [[1]' + b",[1,1]" * 90_000 + b"]}}",
    ),
}  # fmt: skip


def _gzip(plain: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(plain) + packer.flush()


@pytest.fixture(scope="module")
def itself(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with its certificate, as somebody would be who sends such things."""
    service = Service.enrol(platform, tmp_path_factory.mktemp("service"), models=["iris"])
    with service.caller().client(platform) as client:
        yield client
    service.delete()


class Server:
    """The process that answers, and what it used."""

    def __init__(self, platform: Platform) -> None:
        self.process = max(platform.role("serve").children(), key=lambda process: process.memory_info().rss)

    @property
    def megabytes(self) -> float:
        return float(self.process.memory_info().rss / MB)

    @property
    def processor_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def forget_most(self) -> None:
        """Count the most memory anew."""
        (Path("/proc") / str(self.process.pid) / "clear_refs").write_text("5")

    @property
    def most_megabytes(self) -> float:
        """The most memory that it held since."""
        status = (Path("/proc") / str(self.process.pid) / "status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_made_to_cost_much(platform: Platform, itself: httpx.Client, name: str) -> None:
    """Bounds are twice what was measured: 470 MB and 4.5 s for five million rows, which is the worst."""
    path, headers, make = BOMBS[name]
    server, body = Server(platform), make()
    server.forget_most()
    memory, seconds = server.megabytes, server.processor_seconds
    answer = itself.post(path, content=body, headers=headers, timeout=120)
    used, most, after = server.processor_seconds - seconds, server.most_megabytes - memory, server.megabytes - memory
    assert answer.status_code in {400, 413, 422}, answer.text[:500]
    assert len(answer.content) < 4000
    assert used < 10
    assert most < 800
    assert after < 60
    assert Server(platform).process.pid == server.process.pid


def test_many_at_once_cost_each_only_so_much(platform: Platform, itself: httpx.Client) -> None:
    server = Server(platform)
    memory = server.megabytes
    path, headers, make = BOMBS["gzip"]
    body, statuses = make(), []

    def send() -> None:
        statuses.append(itself.post(path, content=body, headers=headers, timeout=120).status_code)

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [413] * 12
    assert server.megabytes - memory < 60
    assert itself.post(NATIVE, json={"features": [5.1, 3.5, 1.4, 0.2]}).status_code == 200
