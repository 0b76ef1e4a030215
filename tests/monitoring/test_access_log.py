"""A line a request, written beside the requests: whole, in order, and never in their way."""

import io
import json
import logging
import threading
import time
import timeit
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from backend.identity.principal import Principal, Role
from backend.logs import formatter
from backend.monitoring.access_log import AccessLog, as_json, as_text
from backend.monitoring.telling import Exchange, Teller
from backend.monitoring.trace import trace_of
from tests.monitoring.test_trace import ID, PARENT
from tests.server.conftest import eventually

ADA = Principal(kind="person", id="u-1", name="ada", role=Role.EXPERT)


def exchange(**parts: object) -> Exchange:
    usual = Exchange(
        at=1_800_000_000.25, seconds=0.001234567, request_id="r-1", trace=trace_of(PARENT), method="POST",
        route="/v1/models/{model}/predict", status=200, caller=ADA, model="iris", version="3", received=40, sent=80,
    )  # fmt: skip
    return usual._replace(**parts)


def test_a_line_for_programs() -> None:
    line = json.loads(as_json(exchange()))
    assert len(line.pop("span_id")) == 16
    assert line == {
        "time": "2027-01-15T08:00:00.250Z", "level": "info", "logger": "signet.access", "request_id": "r-1", "trace_id": ID,
        "method": "POST", "route": "/v1/models/{model}/predict", "status": 200, "seconds": 0.001235, "caller_kind": "person",
        "caller": "u-1", "model": "iris", "version": "3", "received": 40, "sent": 80,
    }  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    line = json.loads(as_json(exchange(caller=None, model="", version="", received=-1, sent=-1, status=404, route="")))
    assert {"caller", "caller_kind", "model", "version", "received", "sent"}.isdisjoint(line)


def test_a_line_for_people() -> None:
    assert as_text(exchange()) == (
        "2027-01-15T08:00:00.250Z INFO signet.access: POST /v1/models/{model}/predict 200 1.2 ms person:u-1 iris/3 [r-1]\n"
    )
    assert "(unknown address) 404 1.2 ms - [r-1]" in as_text(exchange(route="", status=404, caller=None, model=""))


@pytest.mark.parametrize("form", [as_json, as_text])
def test_no_name_begins_a_line_of_its_own(form) -> None:  # type: ignore[no-untyped-def]
    line = form(exchange(model='x\n2027 ERROR forged "\x1b[31m', version=""))
    assert line.count("\n") == 1
    assert "\x1b" not in line


def test_names_of_people_are_not_told() -> None:
    caller = replace(ADA, name="ada.lovelace")
    assert "lovelace" not in as_json(exchange(caller=caller)) + as_text(exchange(caller=caller))


@dataclass
class Pieces(io.StringIO):
    """What was written at once."""

    pieces: list[str] = field(default_factory=list)

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


def test_many_lines_are_written_in_pieces_that_a_pipe_keeps_whole() -> None:
    out = Pieces()
    AccessLog("json", out).write([exchange(request_id=f"r-{number}") for number in range(100)])
    assert all(len(piece) <= 4096 and piece.endswith("\n") for piece in out.pieces)
    lines = "".join(out.pieces).splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == [f"r-{number}" for number in range(100)]
    assert len(out.pieces) < 20


def test_what_waits_is_told_before_the_end() -> None:
    out = io.StringIO()
    teller = Teller([AccessLog("text", out).write])
    teller.start()
    for _ in range(3000):
        teller.tell(exchange())
    teller.stop()
    assert out.getvalue().count("\n") == 3000
    teller.tell(exchange())  # too late, and no harm
    teller.stop()
    assert (out.getvalue().count("\n"), teller.dropped) == (3000, 0)


def test_a_slow_log_stops_no_request_and_fills_no_memory() -> None:
    free, told = threading.Event(), []

    def slow(exchanges: Sequence[Exchange]) -> None:
        free.wait(20)
        told.extend(exchanges)

    teller = Teller([slow], most_waiting=50)
    teller.start()
    teller.tell(exchange())
    eventually(lambda: teller._waiting.qsize() == 0)
    began = time.perf_counter()
    for _ in range(200):
        teller.tell(exchange())
    assert time.perf_counter() - began < 1
    free.set()
    teller.stop()
    assert (len(told), teller.dropped) == (51, 150)


def test_a_listener_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    out = io.StringIO()

    def broken(_: Sequence[Exchange]) -> None:
        raise OSError("disk full")

    teller = Teller([broken, AccessLog("text", out).write])
    teller.start()
    teller.tell(exchange())
    teller.stop()
    assert out.getvalue().count("\n") == 1
    assert "could not be told" in caplog.text


def test_to_tell_costs_microseconds() -> None:
    teller, one = Teller([lambda _: None], most_waiting=10**9), exchange()
    teller.start()
    best = min(timeit.repeat(lambda: teller.tell(one), number=2000, repeat=5)) / 2000
    teller.stop()
    assert best < 50e-6, f"{best * 1e6:.1f} us"


def test_other_lines_have_the_same_two_forms() -> None:
    record = logging.LogRecord("signet.x", logging.WARNING, "", 0, "a %s\nb", ("c",), None)
    text, line = formatter("text").format(record), json.loads(formatter("json").format(record))
    assert text.endswith("WARNING signet.x: a c\\nb")
    assert (line["level"], line["logger"], line["message"]) == ("warning", "signet.x", "a c\nb")
    assert line["time"][:20] == text[:20]
    record.exc_info = (ValueError, ValueError("why"), None)
    faulty = formatter("json").format(record)
    assert "ValueError: why" in json.loads(faulty)["exception"]
    assert "\n" not in faulty
