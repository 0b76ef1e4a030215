"""Predictions of the everyday kind, answered beside Flask: the same check, the same answer, header for header.

Whatever is out of the ordinary (a caller not seen a moment ago, a fault, a version chosen by name) is left to Flask, which begins anew.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.api import mlflow_scoring, open_inference, predict
from backend.api.access import Misbound, Token, digest_of, identify, verify_access
from backend.api.admission import limits_of
from backend.api.client_certificate import CLAIMS, find_certificate
from backend.api.gate import Gate
from backend.api.platform import Platform
from backend.api.recall import Unremembered
from backend.api.request_id import request_id_of
from backend.api.secure_headers import headers_over_tls
from backend.errors import SignetError
from backend.identity.principal import Permission, Principal
from backend.listener.express import Answer, Call
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from backend.monitoring.telling import Exchange
from backend.monitoring.trace import trace_of
from backend.protocols.open_inference import HEADER
from backend.serving.models import ServedModel

Head = Mapping[str, Any]

_HEADERS = headers_over_tls()
_JSON = ("Content-Type", "application/json")
_BINARY = ("Content-Type", "application/octet-stream")
_JSON_TYPES = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_LENGTH = f"HTTP_{HEADER.upper().replace('-', '_')}"
_STATED = "HTTP_CLIENT_CERT"
# With these a request means more than its body says, or is to be refused.
_UNCOMMON = ("HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING")
_CLAIMED = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in CLAIMS)


class _Predicted(NamedTuple):
    """The body of an answer, the headers that say what it is, and for how many rows it is."""

    body: bytes
    kind: tuple[tuple[str, str], ...]
    rows: int


class Express:
    """Answers predictions from what this process holds in memory: callers, allowances, models."""

    def __init__(self, gate: Gate, platform: Platform) -> None:
        self.gate, self.traffic, self.teller = gate, platform.traffic, platform.teller
        self.max_rows = platform.settings.max_rows
        self._shelf = platform.shelf
        self._max_body = platform.settings.max_body_mb * 1024 * 1024

    def begin(self, head: Head) -> Call | None:
        """How to go on with the body of this request, where it is a prediction of a known caller; None leaves it to Flask."""
        began = time.perf_counter()
        route = _route_of(head["PATH_INFO"])
        if route is None or not _is_plain(head, route[0]) or int(head["CONTENT_LENGTH"]) > self._max_body:
            return None
        protocol, model = route[0], route[1] or self._shelf.default_model
        try:
            caller = identify(Permission.PREDICT, _Shown(head), _Remembered(self.gate))
            verify_access(caller, Permission.PREDICT)
            caller.verify_may_use(model)
        except (SignetError, Misbound, Unremembered):
            return None
        served = self._shelf.find_held(model)
        return None if served is None else _Call(self, head, protocol, caller, served, began)


@dataclass(frozen=True, slots=True)
class _Protocol:
    """One way to ask: how it is counted, what answers, and whether the media type says anything."""

    name: str
    route: str
    predict: Callable[[ServedModel, bytes, Head, int], _Predicted]
    takes_any_type: bool = False


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the head of a request shows of its caller."""

    head: Head

    @property
    def authorization(self) -> str | None:
        return self.head.get("HTTP_AUTHORIZATION")

    def certificate(self) -> bytes | None:
        if not self.head[PROXIED]:
            presented: bytes | None = self.head[CLIENT_CERTIFICATE]
            return presented
        stated = self.head.get(_STATED)
        return None if stated is None else find_certificate(stated)


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What credentials proved a moment ago, and nothing that would have to be found out."""

    gate: Gate

    def person(self, session_id: str, _verify: Callable[[], Principal]) -> Principal:
        return self.gate.people.remembered(session_id)

    def subscriber(self, fingerprint: str, _verify: Callable[[], Principal]) -> Principal:
        return self.gate.subscribers.remembered(fingerprint)

    def token(self, text: str, _read: Callable[[str], Token]) -> Token:
        return self.gate.tokens.remembered(digest_of(text))


def _native(served: ServedModel, body: bytes, _head: Head, max_rows: int) -> _Predicted:
    answer, rows = predict.answer_body(served, body, max_rows)
    return _Predicted(answer, (_JSON,), rows)


def _infer(served: ServedModel, body: bytes, head: Head, max_rows: int) -> _Predicted:
    answer, json_length, rows = open_inference.answer_body(served, body, head.get(_LENGTH), max_rows)
    return _Predicted(answer, (_JSON,) if json_length is None else ((HEADER, str(json_length)), _BINARY), rows)


def _score(served: ServedModel, body: bytes, _head: Head, max_rows: int) -> _Predicted:
    answer, rows = mlflow_scoring.answer_body(served, body, max_rows)
    return _Predicted(answer, (_JSON,), rows)


@dataclass(frozen=True, slots=True)
class _Call:
    """A prediction whose caller was let in."""

    way: Express
    head: Head
    protocol: _Protocol
    caller: Principal
    served: ServedModel
    began: float

    def __call__(self, body: bytes) -> Answer | None:
        self.way.traffic.enter()
        try:
            return self._answer(body)
        except SignetError:
            return None
        finally:
            self.way.traffic.leave()

    def _answer(self, body: bytes) -> Answer | None:
        predicted = self.protocol.predict(self.served, body, self.head, self.way.max_rows)
        # The last step, for what is spent stays spent, and before it nothing has happened.
        if not self.way.gate.allowances.spend_held(self.caller.id, limits_of(self.caller, predicts=True)):
            return None
        identifier = request_id_of(self.head.get("HTTP_X_REQUEST_ID"))
        self._note(identifier, predicted)
        length = ("Content-Length", str(len(predicted.body)))
        return Answer([*predicted.kind, length, ("X-Request-Id", identifier), *_HEADERS], predicted.body)

    def _note(self, identifier: str, predicted: _Predicted) -> None:
        seconds, path = time.perf_counter() - self.began, self.head["PATH_INFO"]
        self.way.traffic.record(
            model=self.served.model,
            version=self.served.version,
            protocol=self.protocol.name,
            caller=self.caller,
            rows=predicted.rows,
            seconds=seconds,
            status=200,
        )
        self.way.teller.tell(
            Exchange(
                at=time.time(),
                seconds=seconds,
                request_id=identifier,
                trace=trace_of(self.head.get("HTTP_TRACEPARENT")),
                method="POST",
                route=path if path in _DEFAULT else self.protocol.route,
                status=200,
                caller=self.caller,
                model=self.served.model,
                version=self.served.version,
                received=int(self.head["CONTENT_LENGTH"]),
                sent=len(predicted.body),
            )
        )


_NATIVE = _Protocol("native", "/v1/models/{model}/predict", _native)
_SCORE = _Protocol("mlflow", "/endpoints/{model}/invocations", _score)
_INFER = _Protocol("open-inference", "/v2/models/{model}/infer", _infer, takes_any_type=True)
_DEFAULT = {"/predict": _NATIVE, "/invocations": _SCORE}
_NAMED = re.compile(
    r"/v1/models/(?P<native>[\w.-]+)/predict|/v2/models/(?P<infer>[\w.-]+)/infer|/endpoints/(?P<score>[\w.-]+)/invocations",
    re.ASCII,
)
_BY_NAME = {"native": _NATIVE, "infer": _INFER, "score": _SCORE}


def _route_of(path: str) -> tuple[_Protocol, str | None] | None:
    """In which protocol a prediction of which model (the default one where None) is asked for at this address."""
    if path in _DEFAULT:
        return _DEFAULT[path], None
    named = _NAMED.fullmatch(path)
    kind = named.lastgroup if named else None
    return (_BY_NAME[kind], named[kind]) if named and kind else None


def _is_plain(head: Head, protocol: _Protocol) -> bool:
    """Whether nothing but the caller and the body says what the request means."""
    if head["QUERY_STRING"] or any(name in head for name in _UNCOMMON) or head["wsgi.url_scheme"] != "https":
        return False
    if not head[PROXIED] and any(name in head for name in _CLAIMED):
        return False
    return protocol.takes_any_type or head.get("CONTENT_TYPE") in _JSON_TYPES
