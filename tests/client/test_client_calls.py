"""Each method asks what the HTTP contract says, and nothing that is not safe is asked twice."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider

import signet_client as sc
from signet_client import Signet
from tests.client.scripted import Script, problem

OK: dict[str, Any] = {"items": [], "rows": [], "plots": [], "id": "1", "recovery_codes": []}


def exported(signet: Signet, **asked: Any) -> bytes:
    with signet.audit.export(**asked) as pieces:
        return b"".join(pieces)


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
    (lambda s: s.experiments.list(), "GET", "/v1/experiments", None),
    (lambda s: s.experiments.runs(), "GET", "/v1/runs", None),
    (
        lambda s: s.experiments.runs(experiment="m", metric="a b", at_least=0.5, by_metric="c", smallest_first=True),
        "GET",
        "/v1/runs?experiment=m&metric=a+b&at_least=0.5&by_metric=c&smallest_first=true",
        None,
    ),
    (lambda s: s.experiments.run("r"), "GET", "/v1/runs/r", None),
    (lambda s: s.experiments.plots("r"), "GET", "/v1/runs/r/plots", None),
    (lambda s: s.experiments.curves(["a", "b"], "loss"), "GET", "/v1/metric-curves?runs=a%2Cb&metric=loss", None),
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
        lambda s: s.explain({"a": 1}, model="m", version="3"),
        "POST",
        "/v1/models/m/explain?version=3",
        {"features": {"a": 1}},
    ),
    (
        lambda s: s.predict_many([[1], [2]], model="m", version="3"),
        "POST",
        "/v1/models/m/predict?version=3",
        {"features": [[1], [2]]},
    ),
    (lambda s: s.logout(), "POST", "/logout", None),
    (lambda s: s.subscribers.list(), "GET", "/v1/subscribers", None),
    (lambda s: s.subscribers.get("s"), "GET", "/v1/subscribers/s", None),
    (
        lambda s: s.subscribers.create("billing", models=["iris"], rate_per_minute=60),
        "POST",
        "/v1/subscribers",
        {
            "name": "billing",
            "description": "",
            "models": ["iris"],
            "rate_per_minute": 60,
            "daily_quota": None,
            "certificate_hours": None,
        },
    ),
    (lambda s: s.subscribers.change("s", {"daily_quota": None}), "PATCH", "/v1/subscribers/s", {"daily_quota": None}),
    (lambda s: s.subscribers.suspend("s"), "PATCH", "/v1/subscribers/s", {"state": "suspended"}),
    (lambda s: s.subscribers.resume("s"), "PATCH", "/v1/subscribers/s", {"state": "active"}),
    (lambda s: s.subscribers.delete("s"), "DELETE", "/v1/subscribers/s", None),
    (lambda s: s.subscribers.enrolment("s"), "POST", "/v1/subscribers/s/enrolment", None),
    (lambda s: s.certificates.list(), "GET", "/v1/certificates", None),
    (
        lambda s: s.certificates.list(subscriber_id="s", state="valid", expiring_within_days=0),
        "GET",
        "/v1/certificates?subscriber=s&state=valid&expiring_within_days=0",
        None,
    ),
    (lambda s: s.certificates.get("0a"), "GET", "/v1/certificates/0a", None),
    (lambda s: s.certificates.issue("s", "pem"), "POST", "/v1/subscribers/s/certificates", {"csr": "pem"}),
    (lambda s: s.certificates.make_key("s"), "POST", "/v1/subscribers/s/certificates", {"generate": True}),
    (lambda s: s.certificates.key_file("t"), "GET", "/v1/key-files/t", None),
    (lambda s: s.certificates.key_file("t", "word"), "POST", "/v1/key-files/t", {"password": "word"}),
    (lambda s: s.certificates.key_file("t", "p", "1"), "POST", "/v1/key-files/t", {"password": "p", "otp": "1"}),
    (
        lambda s: s.certificates.revoke("0a", "keyCompromise"),
        "POST",
        "/v1/certificates/0a/revoke",
        {"reason": "keyCompromise"},
    ),
    (lambda s: s.certificates.enrol("t", "pem"), "POST", "/v1/enrol", {"token": "t", "csr": "pem"}),
    (lambda s: s.certificates.renew("pem"), "POST", "/v1/certificates/renew", {"csr": "pem"}),
    (lambda s: s.certificates.revocation_list(), "GET", "/pki/subscribers.crl", None),
    (lambda s: s.users.list(), "GET", "/v1/users", None),
    (lambda s: s.users.get("u"), "GET", "/v1/users/u", None),
    (
        lambda s: s.users.create("ann", "p", "expert"),
        "POST",
        "/v1/users",
        {"username": "ann", "password": "p", "role": "expert"},
    ),
    (lambda s: s.users.set_role("u", "admin"), "PATCH", "/v1/users/u", {"role": "admin"}),
    (lambda s: s.users.set_password("u", "p"), "PATCH", "/v1/users/u", {"password": "p"}),
    (lambda s: s.users.disable("u"), "PATCH", "/v1/users/u", {"disabled": True}),
    (lambda s: s.users.enable("u"), "PATCH", "/v1/users/u", {"disabled": False}),
    (lambda s: s.users.reset_otp("u"), "DELETE", "/v1/users/u/otp", None),
    (lambda s: s.users.delete("u"), "DELETE", "/v1/users/u", None),
    (lambda s: s.users.roles(), "GET", "/v1/roles", None),
    (lambda s: s.monitoring.summary(), "GET", "/v1/monitoring/summary", None),
    (lambda s: s.monitoring.summary(hours=2), "GET", "/v1/monitoring/summary?hours=2", None),
    (
        lambda s: s.monitoring.traffic(
            model="m", since=datetime(2026, 11, 1, tzinfo=UTC), step=timedelta(minutes=5), by="version"
        ),
        "GET",
        "/v1/monitoring/traffic?model=m&since=2026-11-01T00%3A00%3A00%2B00%3A00&step=300&by=version",
        None,
    ),
    (lambda s: s.audit.list(event="user.created", limit=5), "GET", "/v1/audit?event=user.created&limit=5", None),
    (
        lambda s: s.audit.list(since=datetime(2026, 11, 1, tzinfo=UTC), before=7),
        "GET",
        "/v1/audit?since=2026-11-01T00%3A00%3A00%2B00%3A00&before=7",
        None,
    ),
    (lambda s: exported(s, actor="ann"), "GET", "/v1/audit?actor=ann&format=csv", None),
    (lambda s: s.audit.verify(), "GET", "/v1/audit/verify", None),
    (lambda s: s.audit.verify(position=3, hash="ab"), "GET", "/v1/audit/verify?position=3&hash=ab", None),
    (
        lambda s: s.account.change_password("old", "new"),
        "PUT",
        "/v1/me/password",
        {"current": "old", "new": "new"},
    ),
    (lambda s: s.account.begin_otp(), "POST", "/v1/me/otp", None),
    (
        lambda s: s.account.confirm_otp("p", "123456"),
        "POST",
        "/v1/me/otp/confirm",
        {"password": "p", "code": "123456"},
    ),
    (lambda s: s.account.remove_otp("p", "123456"), "DELETE", "/v1/me/otp", {"password": "p", "code": "123456"}),
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


def test_bodies_that_are_no_json(script: Script) -> None:
    script.replies = [httpx.Response(200, content=b"\x30\x82")]
    assert script.client().certificates.key_file("t") == b"\x30\x82"
    assert script.client().certificates.revocation_list() == b"\x30\x82"


def test_an_export_comes_in_pieces(script: Script) -> None:
    script.replies = [httpx.Response(200, content=iter([b"position,at\r\n", b"1,now\r\n"]))]
    with script.client().audit.export() as pieces:
        assert next(pieces) == b"position,at\r\n"
        assert next(pieces) == b"1,now\r\n"


def test_a_refused_export_says_why(script: Script) -> None:
    script.replies = [problem(403, "not-allowed")]
    with pytest.raises(sc.Forbidden, match="about not-allowed"):
        exported(script.client())


def test_an_export_that_breaks_off_is_unreachable(script: Script) -> None:
    def broken() -> Iterator[bytes]:
        yield b"position"
        raise httpx.ReadError("reset")

    script.replies = [httpx.Response(200, content=broken())]
    with pytest.raises(sc.Unreachable):
        exported(script.client())


def test_a_call_says_which_span_it_belongs_to(script: Script) -> None:
    script.replies = [httpx.Response(200, json=OK)]
    signet = script.client()
    signet.jobs.list()
    with TracerProvider().get_tracer("a service").start_as_current_span("work") as span:
        signet.jobs.list()
        context = span.get_span_context()
    assert [request.headers.get("traceparent") for request in script.requests] == [
        None, f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}",
    ]  # fmt: skip


def test_a_program_without_opentelemetry_needs_none_for_the_client() -> None:
    source = "import sys, signet_client; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    client = Path(sc.__file__).parents[1]
    out = subprocess.run([sys.executable, "-c", source], cwd=client, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
