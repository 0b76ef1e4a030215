"""The prediction protocols as the way beside Flask knows them: an address comes in; how it is counted and what answers goes out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.api import mlflow_scoring, open_inference, predict
from backend.api.naming import HEADER as IDENTIFIED
from backend.listener.express import Headers
from backend.protocols.open_inference import HEADER
from backend.serving.models import ServedModel
from backend.serving.prediction_ids import Namer

Head = Mapping[str, Any]

_JSON: Headers = (("Content-Type", "application/json"),)
_BINARY = ("Content-Type", "application/octet-stream")
LENGTH = f"HTTP_{HEADER.upper().replace('-', '_')}"


class Predicted(NamedTuple):
    """The body of an answer, the headers that say what it is, for how many rows it is, its id, and where its JSON ends (0: nowhere else)."""

    body: bytes
    kind: Headers
    rows: int
    id: str
    json_length: int = 0


Predict = Callable[[ServedModel, bytes, Head, int, Namer], Predicted]
Quick = Callable[[ServedModel, bytes, Head, int, Namer], Predicted | None]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to ask: how it is counted, what answers, what answers a large body of plain numbers, and whether the media type says anything.

    `quick` takes a fraction of a millisecond or says None.
    """

    name: str
    route: str
    predict: Predict
    quick: Quick
    takes_any_type: bool = False


def route_of(path: str) -> tuple[Protocol, str | None] | None:
    """In which protocol a prediction of which model (the default one where None) is asked for at this address."""
    if path in DEFAULT:
        return DEFAULT[path], None
    named = _NAMED.fullmatch(path)
    kind = named.lastgroup if named else None
    return (_BY_NAME[kind], named[kind]) if named and kind else None


def _native(served: ServedModel, body: bytes, _head: Head, max_rows: int, name: Namer) -> Predicted:
    answer, rows, identifier = predict.answer_body(served, body, max_rows, name)
    return Predicted(answer, _JSON, rows, identifier)


def _native_quick(served: ServedModel, body: bytes, _head: Head, max_rows: int, name: Namer) -> Predicted | None:
    found = predict.answer_table(served, body, max_rows, name)
    return None if found is None else Predicted(found[0], _JSON, found[1], found[2])


def _infer(served: ServedModel, body: bytes, head: Head, max_rows: int, name: Namer) -> Predicted:
    return _inferred(open_inference.answer_body(served, body, head.get(LENGTH), max_rows, name))


def _infer_quick(served: ServedModel, body: bytes, head: Head, max_rows: int, name: Namer) -> Predicted | None:
    found = open_inference.answer_numbers(served, body, head.get(LENGTH), max_rows, name)
    return None if found is None else _inferred(found)


def _inferred(found: open_inference.Answered) -> Predicted:
    identified = (IDENTIFIED, found.id)
    if found.json_length is None:
        return Predicted(found.body, (identified, *_JSON), found.rows, found.id)
    kind = (identified, (HEADER, str(found.json_length)), _BINARY)
    return Predicted(found.body, kind, found.rows, found.id, found.json_length)


def _score(served: ServedModel, body: bytes, _head: Head, max_rows: int, name: Namer) -> Predicted:
    answer, rows, identifier = mlflow_scoring.answer_body(served, body, max_rows, name)
    return Predicted(answer, ((IDENTIFIED, identifier), *_JSON), rows, identifier)


def _never(_served: ServedModel, _body: bytes, _head: Head, _max_rows: int, _name: Namer) -> None:
    return None


_NATIVE = Protocol("native", "/v1/models/{model}/predict", _native, _native_quick)
_SCORE = Protocol("mlflow", "/endpoints/{model}/invocations", _score, _never)
_INFER = Protocol("open-inference", "/v2/models/{model}/infer", _infer, _infer_quick, takes_any_type=True)
DEFAULT = {"/predict": _NATIVE, "/invocations": _SCORE}
_NAMED = re.compile(
    r"/v1/models/(?P<native>[\w.-]+)/predict|/v2/models/(?P<infer>[\w.-]+)/infer|/endpoints/(?P<score>[\w.-]+)/invocations",
    re.ASCII,
)
_BY_NAME = {"native": _NATIVE, "infer": _INFER, "score": _SCORE}
