"""Each method asks what the HTTP contract says, and nothing that is not safe is asked twice."""

import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import signet_client as sc
from signet_client import Signet
from tests.client.scripted import Script, problem

OK: dict[str, Any] = {"items": [], "rows": [], "plots": [], "id": "1"}

CALLS: list[tuple[Callable[[Signet], object], str, str, object]] = [
    (lambda s: s.datasets.list(), "GET", "/v1/datasets", None),
    (lambda s: s.datasets.get("d"), "GET", "/v1/datasets/d", None),
    (lambda s: s.datasets.preview("d", limit=5), "GET", "/v1/datasets/d/preview?limit=5", None),
    (lambda s: s.datasets.delete("d"), "DELETE", "/v1/datasets/d", None),
    (
        lambda s: s.jobs.start(dataset_id="d", target="t", model="m", columns=["a"]),
        "POST",
        "/v1/jobs",
        {"dataset_id": "d", "target": "t", "model": "m", "columns": ["a"]},
    ),
    (lambda s: s.jobs.list(), "GET", "/v1/jobs", None),
    (lambda s: s.jobs.get("j"), "GET", "/v1/jobs/j", None),
    (lambda s: s.jobs.plots("j"), "GET", "/v1/jobs/j/plots", None),
    (lambda s: s.jobs.cancel("j"), "POST", "/v1/jobs/j/cancel", None),
    (lambda s: s.algorithms.list(), "GET", "/v1/algorithms", None),
    (lambda s: s.models.list(), "GET", "/v1/models", None),
    (lambda s: s.models.get("m"), "GET", "/v1/models/m", None),
    (lambda s: s.models.version("m", "2"), "GET", "/v1/models/m/versions/2", None),
    (lambda s: s.models.set_alias("m", "champion", "2"), "PUT", "/v1/models/m/aliases/champion", {"version": "2"}),
    (lambda s: s.models.schema("m"), "GET", "/v1/models/m/schema", None),
    (lambda s: s.predict([1.5, None]), "POST", "/predict", {"features": [1.5, None]}),
    (
        lambda s: s.predict({"a": 1}, model="m", alias="champion"),
        "POST",
        "/v1/models/m/predict?alias=champion",
        {"features": {"a": 1}},
    ),
    (
        lambda s: s.predict_many([[1], [2]], model="m", version="3"),
        "POST",
        "/v1/models/m/predict?version=3",
        {"features": [[1], [2]]},
    ),
    (lambda s: s.logout(), "POST", "/logout", None),
]


@pytest.mark.parametrize(("call", "method", "address", "body"), CALLS, ids=[f"{c[1]} {c[2]}" for c in CALLS])
def test_call(script: Script, call: Callable[[Signet], object], method: str, address: str, body: object) -> None:
    script.replies = [httpx.Response(200, json=OK)]
    call(script.client("t"))
    (request,) = script.requests
    assert (request.method, request.url.raw_path.decode()) == (method, address)
    assert (json.loads(request.content) if request.content else None) == body
    assert request.headers["Authorization"] == "Bearer t"


def test_names_cannot_lead_elsewhere(script: Script) -> None:
    script.replies = [httpx.Response(200, json=OK)]
    script.client().models.get("a/../b?x#y ü")
    assert script.requests[0].url.raw_path == b"/v1/models/a%2F..%2Fb%3Fx%23y%20%C3%BC"
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="empty or a dot"):
            script.client().models.get(name)


def test_version_and_alias_exclude_each_other(script: Script) -> None:
    with pytest.raises(ValueError, match="not both"):
        script.client().predict([1], model="m", version="1", alias="champion")


def test_upload_streams_the_file_and_tells_progress(script: Script) -> None:
    script.replies = [httpx.Response(201, json={"id": "d", "name": "n"})]
    content = b"a,b\n" + b"1,2\n" * 100_000
    seen: list[int] = []
    made = script.client().datasets.upload(
        io.BytesIO(content), name="n", filename="file.csv", options={"header": "true"}, on_progress=seen.append
    )
    assert made["id"] == "d"
    body = script.requests[0].content
    assert content in body
    assert b'filename="file.csv"' in body
    assert b'name="header"\r\n\r\ntrue' in body
    assert script.requests[0].headers["Content-Length"] == str(len(body))
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == len(content)


class Endless(io.RawIOBase):
    """A file of `size` zeros that refuses to be read in one go."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.at = 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= 1 << 20
        count = min(size, self.size - self.at)
        self.at += count
        return bytes(count)


def test_upload_never_reads_the_whole_file() -> None:
    largest = 0

    class Sink(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal largest
            assert isinstance(request.stream, httpx.SyncByteStream)
            largest = max(len(chunk) for chunk in request.stream)
            return httpx.Response(201, json={"id": "d"})

    client = Signet("https://platform.test", transport=Sink())
    client.datasets.upload(Endless(64 << 20), name="zeros")  # type: ignore[arg-type]
    assert 0 < largest <= 1 << 20


def test_reads_are_repeated_when_the_connection_fails(script: Script) -> None:
    script.replies = [httpx.ConnectError("x"), httpx.RemoteProtocolError("x"), httpx.Response(200, json=OK)]
    assert script.client().jobs.list() == []
    assert len(script.requests) == 3


def test_repeats_are_bounded(script: Script) -> None:
    script.replies = [httpx.ConnectError("x")]
    with pytest.raises(sc.Unreachable):
        script.client().jobs.list()
    assert len(script.requests) == 3


@pytest.mark.parametrize("call", [lambda s: s.jobs.cancel("1"), lambda s: s.models.set_alias("m", "a", "1")])
def test_writes_are_never_repeated(script: Script, call: Callable[[Signet], object]) -> None:
    script.replies = [httpx.ConnectError("x")]
    with pytest.raises(sc.Unreachable):
        call(script.client())
    assert len(script.requests) == 1


def test_slow_reads_are_not_repeated(script: Script) -> None:
    script.replies = [httpx.ReadTimeout("x")]
    with pytest.raises(sc.Unreachable):
        script.client().jobs.list()
    assert len(script.requests) == 1


def test_wait_returns_the_finished_job(script: Script) -> None:
    states = [httpx.Response(200, json={"id": "j", "state": state}) for state in ("queued", "running", "failed")]
    script.replies = [*states]
    seen: list[str] = []
    job = script.client().jobs.wait("j", timeout=5, every=0, on_progress=lambda job: seen.append(job["state"]))
    assert job["state"] == "failed"
    assert seen == ["queued", "running", "failed"]


def test_wait_gives_up(script: Script) -> None:
    script.replies = [httpx.Response(200, json={"id": "j", "state": "running"})]
    with pytest.raises(TimeoutError, match="still running"):
        script.client().jobs.wait("j", timeout=0, every=0)


def test_conflict_on_delete(script: Script) -> None:
    script.replies = [problem(409, "conflict")]
    with pytest.raises(sc.Conflict):
        script.client().datasets.delete("d")
