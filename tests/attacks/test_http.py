"""Cases 30 to 42: what a request claims, how it is framed, what its body holds, and how many come at once."""

import base64
import codecs
import contextlib
import json
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from backend.app import create_app
from backend.audit.tables import AuditEvent
from backend.database import db
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from backend.settings import Settings
from tests.api.conftest import LET_IN, Registered, Subscribed
from tests.attacks.conftest import Running
from tests.certifying import der_of
from tests.conftest import Person
from tests.server.conftest import THREADS, read_all
from tests.server.conftest import Running as Tiny
from tests.server.tiny import DEADLINES
from tests.trained import COLUMNS, EXAMPLE

PATH = "/v1/models/bugs/predict"
IN_ORDER = [EXAMPLE[column.name] for column in COLUMNS]


@pytest.fixture
def billing(subscribed: Callable[..., Subscribed]) -> Subscribed:
    return subscribed("billing", models=["iris"])


def refusals(app: Flask, target: str) -> int:
    """How many refused requests the journal holds of this target."""
    with app.app_context(), db.engine.connect() as connection:
        noted = select(AuditEvent.position).where(AuditEvent.event == "request.refused")
        return len(connection.execute(noted.where(AuditEvent.target == target)).all())


CLAIMS = {
    "Client-Cert": "Client-Cert",
    "Client_Cert": "Client-Cert",
    "X-SSL-Client-Cert": "X-SSL-Client-Cert",
    "X_SSL_Client_Cert": "X-SSL-Client-Cert",
    "x-forwarded-client-cert": "X-Forwarded-Client-Cert",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claimed_certificate(api: Running, name: str) -> None:
    """30. Whoever calls directly cannot name a certificate that TLS did not see; the attempt is in the journal."""
    service = api.admit()
    stated = base64.b64encode(der_of(service.certificate)).decode()
    with api.client() as caller:
        answer = caller.get("/v1/models", headers={name: f":{stated}:"})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert refusals(api.app, f"header:{CLAIMS[name]}")


def test_claimed_certificate_twice(http: FlaskClient, billing: Subscribed, app: Flask) -> None:
    """31. A proxy that forgot to clear the header sends the caller's and its own: neither is believed."""
    own = f":{base64.b64encode(billing.der).decode()}:"
    good = http.get("/v1/models", headers={"Client-Cert": own}, environ_overrides={PROXIED: True})
    assert good.status_code == 200
    for values in (f"{own},{own}", f":AAAA:, {own}", f"{own}, :AAAA:"):
        answer = http.get("/v1/models", headers={"Client-Cert": values}, environ_overrides={PROXIED: True})
        assert answer.status_code == 400
    assert refusals(app, "header:Client-Cert")


GET = b"GET /health/live HTTP/1.1\r\n"
POST = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /v1/roles HTTP/1.1\r\nHost: localhost\r\n\r\n"

AMBIGUOUS = {
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 45\r\n\r\n" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 0, 45\r\n\r\n" + SMUGGLED,
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}" + SMUGGLED,
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a coding in disguise": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded header": POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n" + SMUGGLED,
    "a chunk of no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
    "two hosts": GET + b"Host: localhost\r\nHost: elsewhere\r\n\r\n" + SMUGGLED,
    "no host": GET + b"\r\n" + SMUGGLED,
    "an empty host": GET + b"Host: \r\n\r\n" + SMUGGLED,
    "a list of hosts": GET + b"Host: localhost,elsewhere\r\n\r\n" + SMUGGLED,
    "a host with a path": GET + b"Host: localhost/v1\r\n\r\n" + SMUGGLED,
    "a host in another coding": GET + b"Host: local\xe9host\r\n\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("form", AMBIGUOUS)
def test_two_readings(api: Running, form: str) -> None:
    """32. A request that two servers would cut at different places: refused, and what follows is not read as a request."""
    answer = api.exchange(AMBIGUOUS[form])
    assert answer.split(b" ", 2)[1] in {b"400", b"501"}, answer[:500]
    assert answer.count(b"HTTP/1.1 ") == 1


BROKEN = {
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk that goes on": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx",
}


@pytest.mark.parametrize("form", BROKEN)
def test_after_a_broken_body(api: Running, form: str) -> None:
    """32. Where a body ends that is wrongly framed, nobody knows: nothing that comes later on its connection is a request."""
    with _connected(api) as connection:
        connection.sendall(BROKEN[form])
        first = b""
        while b'"request_id"' not in first:
            first += connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 400")
        with contextlib.suppress(OSError):
            connection.sendall(b"GET /v1/roles HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 " not in read_all(connection)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Tiny]:
    """The real server with few threads and short deadlines."""
    running = Tiny(tmp_path)
    yield running
    running.stop()


def test_stalled_clients(tiny: Tiny) -> None:
    """33. As many half handshakes, headers and bodies as there are threads: another caller waits no longer than the deadline."""
    patience = max(DEADLINES.handshake, DEADLINES.stall) + DEADLINES.linger + 5
    halves = {
        "hello": lambda: _raw(tiny, b"\x16\x03\x01\x02\x00\x01\x00"),
        "header": lambda: _over_tls(tiny, b"POST /body HTTP/1.1\r\nHost: loc"),
        "body": lambda: _over_tls(
            tiny, b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + bytes(50)
        ),
    }
    for half in halves.values():
        with contextlib.ExitStack() as stalled:
            for _ in range(THREADS):
                stalled.enter_context(half())
            began = time.monotonic()
            assert tiny.get("/") == (200, b"here")
            assert time.monotonic() - began < patience


def _raw(tiny: Tiny, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", tiny.port), timeout=30)
    connection.sendall(sent)
    return connection


def _over_tls(tiny: Tiny, sent: bytes) -> socket.socket:
    connection = tiny.connect()
    connection.sendall(sent)
    return connection


@pytest.mark.parametrize("path", ["/login", "/v1/enrol", "/.well-known/est/simpleenroll"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_too_large(api: Running, path: str, framing: str) -> None:
    """34. A body beyond the limit ends the request where it is seen, stated or not: no memory is filled first."""
    kind = "application/pkcs10" if "est" in path else "application/json"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nConnection: close\r\n"
    size = api.settings.max_body_mb * 1024 * 1024 + 1
    with _connected(api) as connection:
        if framing == "length":
            connection.sendall(f"{head}Authorization: Basic OnRva2Vu\r\nContent-Length: {size}\r\n\r\n".encode())
        else:
            connection.sendall(f"{head}Authorization: Basic OnRva2Vu\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
            with contextlib.suppress(OSError):
                for _ in range(api.settings.max_body_mb + 1):
                    connection.sendall(chunk)  # and no end: who waits for it has read too much
        assert read_all(connection).split(b" ", 2)[1] == b"413"


def _connected(api: Running) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", api.port), timeout=30)
    return api.trust().wrap_socket(raw, server_hostname="localhost")


def _login(username: str) -> str:
    return f'{{"username": {username}, "password": "a password"}}'


HUGE = "9" * 5000
JSON_TRAPS: dict[str, tuple[str | bytes, set[int]]] = {
    "35 brackets": ("[" * 50_000 + "]" * 50_000, {400}),
    "35 braces": ('{"a":' * 50_000 + "1" + "}" * 50_000, {400}),
    "36 NaN": ("NaN", {400, 422}),
    "36 Infinity": ("-Infinity", {400, 422}),
    "36 1e999": ("1e999", {400, 422}),
    "38 digits": (HUGE, {400, 422}),
    "38 negative digits": (f"-{HUGE}", {400, 422}),
    "39 lone surrogate": (r'"\ud800"', {400, 422}),
    "39 control character": ('"\x01"', {400}),
    "39 NUL": (r'"\u0000"', {400, 401, 422}),
}


@pytest.mark.parametrize("trap", JSON_TRAPS)
def test_hostile_json(http: FlaskClient, trap: str) -> None:
    """35, 36, 38, 39. Values that parsers take and programs break on: a refusal that says so, never a fault of ours."""
    value, statuses = JSON_TRAPS[trap]
    for text in (value, _login(str(value))):
        answer = http.post("/login", data=text, content_type="application/json")
        assert answer.status_code in statuses | {422}, answer.text
        assert HUGE not in answer.text


@pytest.mark.parametrize("trap", sorted(set(JSON_TRAPS) - {"36 NaN"}))  # in a row, a bare NaN means a missing value
def test_hostile_row(expert: Person, registered: Registered, trap: str) -> None:
    """35, 36, 38, 39. The same in a row to predict for, where a careless server would compute with it."""
    registered("bugs", "multiclass")
    value, _ = JSON_TRAPS[trap]
    for name in trapped(trap):
        row = json.dumps({**EXAMPLE, name: "HERE"}).replace('"HERE"', str(value))
        answer = expert.post(PATH, data=f'{{"features": {row}}}', content_type="application/json")
        assert answer.status_code in {400, 422}, answer.text


def trapped(trap: str) -> tuple[str, ...]:
    """The columns in which it is one: to a category, NUL is a text that it has not met yet."""
    return ("size",) if trap == "39 NUL" else ("size", "colour")


TWICE = ['{"username":"a","username":"b","password":"x"}', r'{"username":"a","\u0075sername":"b","password":"x"}']


@pytest.mark.parametrize("text", TWICE)
def test_a_key_twice(http: FlaskClient, text: str) -> None:
    """37. Two readers take a different one of two values: what one checked, the other would use."""
    answer = http.post("/login", data=text, content_type="application/json")
    assert (answer.status_code, "username" in answer.get_json()["detail"]) == (400, True)


@pytest.mark.parametrize("encode", [
    lambda text: text.encode("utf-16"),
    lambda text: text.encode("utf-32-le"),
    lambda text: codecs.BOM_UTF8 + text.encode(),
    lambda text: text.encode().replace(b"ann", b"\xff\xfe"),
    lambda text: text.encode().replace(b"ann", b"\xc0\xaf"),
])  # fmt: skip
def test_another_encoding(http: FlaskClient, encode: Callable[[str], bytes]) -> None:
    """39. JSON is UTF-8 without a mark: whatever guesses otherwise reads another text than the one that was checked."""
    answer = http.post("/login", data=encode(_login('"ann"')), content_type="application/json")
    assert answer.status_code == 400, answer.text


KINDS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json5"]


@pytest.mark.parametrize("kind", KINDS)
def test_another_content_type(http: FlaskClient, kind: str) -> None:
    """40. A browser's form can send these across sites without asking; an API of JSON takes none of them."""
    answer = http.post("/login", data=_login('"ann"'), content_type=kind)
    assert answer.status_code == 415


@pytest.mark.parametrize("kind", KINDS)
def test_another_content_type_of_a_prediction(expert: Person, registered: Registered, kind: str) -> None:
    """40. Predictions too: a row that a page of another site sends is never read."""
    registered("bugs", "multiclass")
    answer = expert.post(PATH, data=json.dumps({"features": EXAMPLE}), content_type=kind)
    assert answer.status_code == 415


def test_a_body_where_none_belongs(api: Running) -> None:
    """40. A body of a GET is not read as the next request."""
    with _connected(api) as connection:
        connection.sendall(GET + b"Host: localhost\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED)
        first = b""
        while b'"live"' not in first:
            first += connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = read_all(connection)
    assert (answer[:12], answer.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 404", 1)


def test_too_many_rows(app: Flask, settings: Settings, registered: Registered, expert: Person) -> None:
    """41. Rows beyond the limit are counted before they become a matrix."""
    registered("bugs", "multiclass")
    rows = [[]] * (settings.max_rows + 1)
    answer = expert.post(PATH, json={"features": rows})
    assert (answer.status_code, str(settings.max_rows) in answer.get_json()["detail"]) == (413, True)


def test_too_wide_a_row(registered: Registered, expert: Person) -> None:
    """41. A row of a million values: refused by the model's number of columns, and without naming each."""
    registered("bugs", "multiclass")
    answer = expert.post(PATH, json={"features": IN_ORDER + [1.0] * 1_000_000})
    assert (answer.status_code, len(answer.data) < 20_000) == (422, True)


@pytest.mark.parametrize("terms", [{"daily_quota": 3}, {"rate_per_minute": 3}])
def test_a_race_for_the_last_unit(
    app: Flask, settings: Settings, subscribed: Callable[..., Subscribed], terms: dict[str, int]
) -> None:
    """42. Fifty calls at once when one is left, half of them in another process of the API: exactly one passes."""
    caller = subscribed("billing", models=["iris"], **terms)
    other = create_app(settings)
    for each in (app, other):  # the same minute throughout
        each.extensions["signet.gate"].allowances._clock = lambda: 1_000_000_020.0
    assert [caller.predict("iris").status_code for _ in range(2)] == [LET_IN, LET_IN]
    statuses, start = [], threading.Barrier(50)

    def call(served: Flask) -> None:
        client = served.test_client()
        start.wait()
        presented = {CLIENT_CERTIFICATE: caller.der}
        answer = client.post("/v1/models/iris/predict", json={"features": []}, environ_overrides=presented)
        statuses.append((answer.status_code, "Retry-After" in answer.headers))

    threads = [threading.Thread(target=call, args=((app, other)[number % 2],)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [(LET_IN, False)] + [(429, True)] * 49
    with other.app_context():
        db.engine.dispose()


def test_compressed_body(http: FlaskClient, settings: Settings) -> None:
    """56. A compressed body is unpacked up to the limit and no further: a kilobyte of it could be a gigabyte."""
    limit = settings.max_body_mb * 1024 * 1024
    body = zlib.compress(b" " * limit * 4 + _login('"ann"').encode())
    tracemalloc.start()
    answer = http.post("/login", data=body, content_type="application/json", headers={"Content-Encoding": "deflate"})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, "unpacks to more than" in answer.get_json()["detail"]) == (413, True)
    assert most < 5 * limit / 2
