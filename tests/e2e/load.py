"""Questions in every protocol with the answers that each version must give, and who asks them without end."""

import contextlib
import http.client
import io
import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.e2e.running import Platform
from tests.e2e.services import Caller

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
HEADER = "Inference-Header-Content-Length"
NATIVE, INFER, SCORE = "/v1/models/iris/predict", "/v2/models/iris/infer", "/endpoints/iris/invocations"
NAMES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
# Flowers between the kinds, of which two models think differently.
ROWS = [[5.0 + step / 10, 2.2 + step / 20, 1.5 + step / 5, 0.2 + step / 10] for step in range(20)]

Headers = dict[str, str]
Truth = dict[str, "Version"]


@dataclass(frozen=True)
class Version:
    """What a version answers to ROWS."""

    labels: list[str]
    shares: list[list[float]]


@dataclass(frozen=True)
class Question:
    """A request, and a judge of its answer (headers and body): None where it is right."""

    name: str
    path: str
    headers: Headers
    body: bytes
    judge: Callable[[http.client.HTTPResponse, bytes], str | None]


def truth_of(client: httpx.Client, versions: list[str]) -> Truth:
    """What each version answers, asked for by number while nothing else goes on."""
    truth = {}
    for version in versions:
        told = client.post(f"{NATIVE}?version={version}", json={"features": ROWS}).json()
        truth[version] = Version(told["predictions"], [list(shares.values()) for shares in told["probabilities"]])
    assert len({str(version.labels) for version in truth.values()}) == len(versions), "the versions think alike"
    return truth


def questions(truth: Truth) -> list[Question]:
    """One of each protocol and form; one row and many."""

    def told(version: object, labels: object, shares: object, count: int) -> str | None:
        right = truth.get(str(version))
        if right is None:
            return f"no such version: {version}"
        return None if (labels, shares) == (right.labels[:count], right.shares[:count]) else f"wrong by {version}"

    def native_one(_: object, body: bytes) -> str | None:
        answer = json.loads(body)
        return told(answer["version"], [answer["prediction"]], [list(answer["probabilities"].values())], 1)

    def native(_: object, body: bytes) -> str | None:
        answer = json.loads(body)
        shares = [list(row.values()) for row in answer["probabilities"]]
        return told(answer["version"], answer["predictions"], shares, len(ROWS))

    def infer(_: object, body: bytes) -> str | None:
        answer = json.loads(body)
        labels, shares = (out["data"] for out in answer["outputs"])
        return told(answer["model_version"], labels, np.reshape(shares, (len(ROWS), 3)).tolist(), len(ROWS))

    def binary(response: http.client.HTTPResponse, body: bytes) -> str | None:
        length = int(response.headers[HEADER])
        answer, rest = json.loads(body[:length]), body[length:]
        size = answer["outputs"][0]["parameters"]["binary_data_size"]
        shares = np.frombuffer(rest[size:], "<f8").reshape(len(ROWS), 3).tolist()
        return told(answer["model_version"], _texts(rest[:size]), shares, len(ROWS))

    def score(_: object, body: bytes) -> str | None:
        labels = json.loads(body)["predictions"]
        return None if any(labels == right.labels for right in truth.values()) else "wrong by both"

    tensor = {"name": "x", "datatype": "FP64", "shape": [len(ROWS), 4]}
    raw = np.array(ROWS).tobytes()
    asked = {
        "inputs": [tensor | {"parameters": {"binary_data_size": len(raw)}}],
        "parameters": {"binary_data_output": True},
    }
    text = json.dumps(asked).encode()
    lines = "\n".join([",".join(NAMES), *(",".join(map(str, row)) for row in ROWS)])
    forms = {
        "native, one row": (NATIVE, {"Content-Type": JSON}, _json({"features": ROWS[0]}), native_one),
        "native": (NATIVE, {"Content-Type": JSON}, _json({"features": ROWS}), native),
        "v2": (INFER, {}, _json({"inputs": [tensor | {"data": ROWS}]}), infer),
        "v2, packed": (
            INFER, {"Content-Encoding": "deflate"}, zlib.compress(_json({"inputs": [tensor | {"data": ROWS}]})), infer
        ),
        "v2, binary": (INFER, {HEADER: str(len(text))}, text + raw, binary),
        "split": (SCORE, {"Content-Type": JSON}, _json({"dataframe_split": {"columns": NAMES, "data": ROWS}}), score),
        "CSV": (SCORE, {"Content-Type": CSV}, lines.encode(), score),
        "Parquet": (SCORE, {"Content-Type": PARQUET}, _parquet(), score),
    }  # fmt: skip
    return [Question(name, *form) for name, form in forms.items()]


# A request that is no good, and the statuses that say so: path, headers, body.
BAD: list[tuple[str, Headers, bytes, set[int]]] = [
    (NATIVE, {"Content-Type": JSON}, b'{"features": [1, 2', {400}),
    (NATIVE, {"Content-Type": JSON}, b"[" * 200_000, {400}),
    (NATIVE, {"Content-Type": JSON}, b'{"features": [1, 2, "3", 4]}', {422}),
    (NATIVE, {"Content-Type": JSON}, b'{"features": [1], "features": [1]}', {400}),
    (NATIVE, {"Content-Type": JSON}, b'{"features": [1, 2, 3, ' + b"9" * 100_000 + b"]}", {400, 422}),
    (NATIVE, {"Content-Type": "text/plain"}, b"{}", {415}),
    (NATIVE, {"Content-Type": JSON, "Content-Encoding": "gzip"}, b"no gzip", {400}),
    (NATIVE, {"Content-Type": JSON, "Content-Encoding": "deflate"}, zlib.compress(bytes(40_000_000)), {413}),
    ("/v1/models/none/predict", {"Content-Type": JSON}, b'{"features": [1]}', {403, 404}),
    (INFER, {HEADER: "99999999"}, b"{}", {400}),
    (INFER, {HEADER: "-1"}, b"{}", {400}),
    (INFER, {}, b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1152921504606846976, 1024], "data": []}]}', {400, 413}),
    (INFER, {}, b'{"inputs": [{"name": "x", "datatype": "INT8", "shape": [1, 4], "data": [1, 2, 3, 300]}]}', {400}),
    (SCORE, {"Content-Type": CSV}, b"a,b\n1\n", {400}),
    (SCORE, {"Content-Type": PARQUET}, b"PAR1PAR1", {400}),
    (SCORE, {"Content-Type": "application/pickle"}, b"cos\nsystem\n", {415}),
    ("/predict", {"Authorization": "Bearer a.b.c"}, b"{}", {401}),
]  # fmt: skip


class Ledger:
    """What was asked and what came of it; shared by threads."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        self.seconds: list[float] = []
        self._lock = threading.Lock()

    def note(self, status: int, seconds: float | None = None) -> None:
        with self._lock:
            self.statuses[status] += 1
            if seconds is not None:
                self.seconds.append(seconds)

    def blame(self, fault: str) -> None:
        """Something that must not happen; the first hundred are kept."""
        with self._lock:
            if len(self.faults) < 100:
                self.faults.append(fault)

    def percentile(self, share: float) -> float:
        return float(np.quantile(self.seconds, share)) if self.seconds else 0.0


@dataclass
class Line:
    """One open connection of a caller, whose token is fetched anew before it ends."""

    platform: Platform
    introduce: Callable[[], Caller]
    _caller: Caller = field(init=False)
    _since: float = field(init=False, default=-1e9)
    _connection: http.client.HTTPSConnection | None = field(init=False, default=None)

    def ask(self, path: str, headers: Headers, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer; OSError or HTTPException where none came."""
        if self._connection is None or (self._caller.token and time.monotonic() - self._since > 120):
            self.hang_up()
            self._caller, self._since = self.introduce(), time.monotonic()
            self._connection = http.client.HTTPSConnection(
                "localhost", self.platform.api_port, context=self._caller.context(), timeout=60
            )
        credentials = {"Authorization": f"Bearer {self._caller.token}"} if self._caller.token else {}
        self._connection.request("POST", path, body=body, headers=credentials | headers)
        response = self._connection.getresponse()
        return response, response.read()

    def hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def keep_asking(
    line: Line, asked: list[Question], ledger: Ledger, ended: threading.Event, *, each: int | None = None
) -> None:
    """Ask one question after the other until it is over; a new connection after `each` of them."""
    for number, question in enumerate(_forever(asked)):
        if ended.is_set():
            break
        began = time.perf_counter()
        try:
            response, body = line.ask(question.path, question.headers, question.body)
        except (OSError, http.client.HTTPException) as error:
            ledger.blame(f"{question.name}: no answer: {error!r}")
            line.hang_up()
            continue
        ledger.note(response.status, time.perf_counter() - began)
        if response.status != 200:
            ledger.blame(f"{question.name}: {response.status} {body[:300]!r}")
        elif wrong := question.judge(response, body):
            ledger.blame(f"{question.name}: {wrong}")
        if each and number % each == each - 1:
            line.hang_up()
    line.hang_up()


def keep_asking_badly(line: Line, ledger: Ledger, ended: threading.Event, *, pause: float) -> None:
    """What is no good is refused as it should be, each time on a connection of its own."""
    for path, headers, body, statuses in _forever(BAD):
        if ended.wait(pause):
            break
        with contextlib.closing(_Hanging(line)):
            try:
                response, text = line.ask(path, headers, body)
            except (OSError, http.client.HTTPException) as error:
                ledger.blame(f"bad {path}: no answer: {error!r}")
                continue
        ledger.note(response.status)
        if response.status not in statuses:
            ledger.blame(f"bad {path} {body[:40]!r}: {response.status} {text[:300]!r}")


@dataclass(frozen=True)
class _Hanging:
    line: Line

    def close(self) -> None:
        self.line.hang_up()


def _forever(items: list[Any]) -> Iterator[Any]:
    while True:
        yield from items


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip(NAMES, np.array(ROWS).T, strict=True))), sink)
    return sink.getvalue()


def _texts(raw: bytes) -> list[str]:
    texts, place = [], 0
    while place < len(raw):
        end = place + 4 + int.from_bytes(raw[place : place + 4], "little")
        texts.append(raw[place + 4 : end].decode())
        place = end
    return texts
