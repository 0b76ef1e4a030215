"""Predictions of the everyday kind, answered beside Flask: the same check, the same answer, header for header.

Whatever is out of the ordinary (a caller not seen a moment ago, a fault, a version chosen by name) is left to Flask, which begins anew.
"""

import time
from collections.abc import Callable

from backend.api.access import Misbound, Token, digest_of, identify, verify_access
from backend.api.admission import limits_of
from backend.api.client_certificate import CLAIMS, find_certificate
from backend.api.express_routes import DEFAULT, LENGTH, Head, Predicted, Protocol, Quick, route_of
from backend.api.gate import Gate
from backend.api.naming import names_for
from backend.api.platform import Platform
from backend.api.recall import Unremembered
from backend.api.recording import record_of
from backend.api.request_id import request_id_of
from backend.api.secure_headers import headers_over_tls
from backend.errors import SignetError
from backend.identity.principal import Permission, Principal
from backend.listener.express import LATER, Answer, Headers, Later
from backend.listener.wsgi import PROXIED, WAITED
from backend.monitoring.telling import Exchange
from backend.monitoring.trace import trace_of
from backend.serving.models import ServedModel

_HEADERS: Headers = headers_over_tls()
_JSON_TYPES = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_STATED = "HTTP_CLIENT_CERT"
# With these a request means more than its body says, or is to be refused.
_UNCOMMON = ("HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING")
_CLAIMED = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in CLAIMS)
# What Python takes for a body that is read value by value: some 0.1 us a value and 2 us a row.
_SMALL_BODY, _FEW_ROWS = 16 * 1024, 300
_SHORTEST_VALUE = 2  # bytes: a digit and what stands behind it
# Numbers that are read all at once: a millisecond as JSON, half of that in binary.
_QUICK_BODY = 256 * 1024


class Express:
    """Answers predictions from what this process holds in memory: callers, allowances, models."""

    def __init__(self, gate: Gate, platform: Platform) -> None:
        self.gate, self.traffic, self.teller, self.shelf = gate, platform.traffic, platform.teller, platform.shelf
        self.max_rows, self.prediction_ids = platform.settings.max_rows, platform.prediction_ids
        self.records = platform.records
        self._most_waited = platform.settings.prediction_wait_seconds
        self._max_body = platform.settings.max_body_mb * 1024 * 1024

    def look(self, head: Head) -> "_Asked | None":
        """What is asked, where it is a prediction and the head says nothing uncommon; None leaves it to Flask."""
        if head.get(WAITED, 0.0) > self._most_waited or int(head["CONTENT_LENGTH"]) > self._max_body:
            return None
        route = route_of(head["PATH_INFO"])
        if route is None or not _is_plain(head, route[0]):
            return None
        return _Asked(self, head, route[0], route[1] or self.shelf.default_model)


class _Asked:
    """A prediction that somebody asks for; who, and whether this caller may at this moment, is yet to be seen."""

    __slots__ = ("_memory", "_model", "_stated", "_way", "head", "protocol")

    def __init__(self, way: Express, head: Head, protocol: Protocol, model: str) -> None:
        self.head, self.protocol = head, protocol
        self._way, self._model, self._memory = way, model, _Remembered(way.gate)
        stated = head.get(_STATED) if head[PROXIED] else None
        self._stated = None if stated is None else find_certificate(stated)

    def begin(self, certificate: bytes | None) -> "_Call | None":
        """The prediction of a known caller who may ask for it; None leaves it to Flask."""
        began = time.perf_counter()
        shown = _Shown(self.head.get("HTTP_AUTHORIZATION"), self._stated if self.head[PROXIED] else certificate)
        try:
            caller = identify(Permission.PREDICT, shown, self._memory)
            verify_access(caller, Permission.PREDICT)
            caller.verify_may_use(self._model)
        except (SignetError, Misbound, Unremembered):
            return None
        served = self._way.shelf.find_held(self._model)
        return None if served is None else _Call(self._way, self, caller, served, began)


class _Shown:
    """What a request shows of its caller."""

    __slots__ = ("_certificate", "authorization")

    def __init__(self, authorization: str | None, certificate: bytes | None) -> None:
        self.authorization, self._certificate = authorization, certificate

    def certificate(self) -> bytes | None:
        return self._certificate


class _Remembered:
    """What credentials proved a moment ago, and nothing that would have to be found out; of one head, so of one token at most."""

    __slots__ = ("_digest", "_gate")

    def __init__(self, gate: Gate) -> None:
        self._gate, self._digest = gate, ""

    def person(self, session_id: str, _verify: Callable[[], Principal]) -> Principal:
        return self._gate.people.remembered(session_id)

    def subscriber(self, fingerprint: str, _verify: Callable[[], Principal]) -> Principal:
        return self._gate.subscribers.remembered(fingerprint)

    def token(self, text: str, _read: Callable[[str], Token]) -> Token:
        self._digest = self._digest or digest_of(text)
        return self._gate.tokens.remembered(self._digest)


class _Call:
    """A prediction whose caller was let in."""

    __slots__ = ("_asked", "_began", "_caller", "_served", "_way")

    def __init__(self, way: Express, asked: _Asked, caller: Principal, served: ServedModel, began: float) -> None:
        self._way, self._asked, self._caller, self._served, self._began = way, asked, caller, served, began

    def __call__(self, body: bytes) -> Answer | None:
        found = self._answer(body, self._asked.protocol.predict)
        return None if isinstance(found, Later) else found

    def at_once(self, body: bytes) -> Answer | Later | None:
        """The answer, where the model says that it is brief for as many rows as the body may hold."""
        if self._way.records.is_crowded:
            return LATER
        most = len(body) // (_SHORTEST_VALUE * len(self._served.signature.columns)) + 1
        if most <= _FEW_ROWS and len(body) <= _SMALL_BODY:
            return self._answer(body, self._asked.protocol.predict) if self._served.is_brief(most) else LATER
        if len(body) > _QUICK_BODY or not self._served.is_brief(1):
            return LATER
        # What is wrong with a large body, a thread finds out.
        return self._answer(body, self._asked.protocol.quick) or LATER

    def _answer(self, body: bytes, predict: Quick) -> Answer | Later | None:
        self._way.traffic.enter()
        try:
            name = names_for(self._way.prediction_ids, self._caller.subject)
            predicted = predict(self._served, body, self._asked.head, self._way.max_rows, name)
            return LATER if predicted is None else self._told(predicted, body)
        except SignetError:
            return None
        finally:
            self._way.traffic.leave()

    def _told(self, predicted: Predicted, body: bytes) -> Answer | None:
        # The last step, for what is spent stays spent, and before it nothing has happened.
        limits = limits_of(self._caller, predicts=True)
        if limits and not self._way.gate.allowances.spend_held(self._caller.id, limits):
            return None
        identifier = request_id_of(self._asked.head.get("HTTP_X_REQUEST_ID"))
        self._note(identifier, predicted, body)
        length = ("Content-Length", str(len(predicted.body)))
        return Answer((*predicted.kind, length, ("X-Request-Id", identifier)), predicted.body, _HEADERS)

    def _note(self, identifier: str, predicted: Predicted, body: bytes) -> None:
        served, protocol, head = self._served, self._asked.protocol, self._asked.head
        seconds, path = time.perf_counter() - self._began, head["PATH_INFO"]
        self._way.traffic.record(
            model=served.model,
            version=served.version,
            protocol=protocol.name,
            caller=self._caller,
            rows=predicted.rows,
            seconds=seconds,
            status=200,
        )
        asked = head.get("CONTENT_TYPE", ""), head.get(LENGTH)
        self._way.records.keep(record_of(served, protocol.name, self._caller, seconds, asked, body, predicted))
        self._way.teller.tell(
            Exchange(
                at=time.time(),
                seconds=seconds,
                request_id=identifier,
                trace=trace_of(head.get("HTTP_TRACEPARENT")),
                method="POST",
                route=path if path in DEFAULT else protocol.route,
                status=200,
                caller=self._caller,
                model=served.model,
                version=served.version,
                received=len(body),
                sent=len(predicted.body),
            )
        )


def _is_plain(head: Head, protocol: Protocol) -> bool:
    """Whether nothing but the caller and the body says what the request means."""
    if head["QUERY_STRING"] or any(name in head for name in _UNCOMMON) or head["wsgi.url_scheme"] != "https":
        return False
    if not head[PROXIED] and any(name in head for name in _CLAIMED):
        return False
    return protocol.takes_any_type or head.get("CONTENT_TYPE") in _JSON_TYPES
