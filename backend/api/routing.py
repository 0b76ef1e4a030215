"""An endpoint is its signature: who may call, what comes in, what goes out.

A view names what it needs by its parameters: `actor`, `body`, `query`, `platform`, `payload` (the raw body) and the
variables of its path. Returning commits; raising rolls back.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

from flask import Flask, Response, request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from backend.api.access import Access, authenticate
from backend.api.admission import admit
from backend.api.platform import current_platform
from backend.api.problem import Shape
from backend.database import db
from backend.errors import (
    FieldProblem,
    InvalidFields,
    Malformed,
    NotFound,
    NotReady,
    SignetError,
    TooLarge,
    UnsupportedMediaType,
)
from backend.identity.principal import Permission
from backend.listener.wsgi import WAITED
from backend.protocols.content_encoding import inflate
from backend.protocols.strict_json import parse_json, write_json

View = Callable[..., Any]

MOST = 2**53  # the largest number that a parameter may be: every JSON reader and every database holds it
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")


def _dated(value: object) -> object:
    """A moment as it is written; not a bare number, which could be seconds or milliseconds since who knows when."""
    if not isinstance(value, str) or not _DATED.match(value):
        raise ValueError("a moment is written like 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_dated)]


class Body(BaseModel):
    """What comes in: unknown keys are refused, and no value is quietly turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """The parameters after `?`, which are text and so are converted."""

    model_config = ConfigDict(extra="forbid")


class VersionQuery(Query):
    """Which version of a model is meant; the champion where nothing is said."""

    version: str | None = Field(None, pattern=r"^[1-9][0-9]{0,8}$", description="Exactly this version")
    alias: str | None = Field(None, description="The version behind this alias; `champion` where neither is given")


class Answer(BaseModel):
    """What goes out, read from a row's attributes or from a mapping."""

    model_config = ConfigDict(from_attributes=True)


@dataclass(frozen=True)
class Endpoint:
    """One route of the API, as data: dispatch, permission test and OpenAPI document all read it."""

    method: str
    path: str
    view: View
    access: Access
    answer: Any
    status: int
    tag: str
    media_type: str = "application/json"
    accepts: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    hints: dict[str, Any] = field(default_factory=dict)
    shape: Shape | None = None
    failure: dict[str, Any] = field(default_factory=dict)  # schema of its errors, where they have a shape of their own
    protocol: str = ""  # by which a prediction is asked for, where it is one
    reads_any_type: bool = False  # the body says what it is, whatever its media type
    exports: dict[str, Any] = field(default_factory=dict)  # other media types of its answer, with their schemas
    refuses: tuple[type[SignetError], ...] = ()  # kinds that do not follow from what it reads and whom it lets in
    statuses: tuple[int, ...] = ()  # all that it refuses with, where another standard says which

    @property
    def name(self) -> str:
        return self.view.__name__

    def __call__(self, **variables: str) -> Response:
        """Authenticate, read, call, commit, answer."""
        if any("\0" in value for value in variables.values()):
            raise NotFound("There is nothing at this address.", cause="U+0000 in the path")
        actor = authenticate(self.access)
        if self.predicts:
            _verify_in_time()
        if actor is not None:
            admit(actor, self.model_of(variables), predicts=self.predicts)
        answer = self.view(**self._arguments(actor), **variables)
        response = answer if isinstance(answer, Response) else self._render(answer)
        db.session.commit()
        return response

    @property
    def predicts(self) -> bool:
        return self.access is Permission.PREDICT and self.method == "POST"

    def model_of(self, variables: Mapping[str, str]) -> str | None:
        """The model that the call is about; a prediction that names none is about the default one."""
        return variables.get("model", current_platform().shelf.default_model if self.predicts else None)

    def _arguments(self, actor: object) -> dict[str, Any]:
        if self.accepts and not self.reads_any_type and request.mimetype not in self.accepts:
            raise UnsupportedMediaType(f"Send the body as {' or '.join(self.accepts)}.")
        sources: dict[str, Callable[[], Any]] = {
            "actor": lambda: actor,
            "platform": current_platform,
            "payload": read_payload,
            "body": lambda: _read_body(self.hints["body"]),
            "query": lambda: _read_query(self.hints["query"]),
        }
        return {name: source() for name, source in sources.items() if name in self.hints}

    def _render(self, answer: object) -> Response:
        if answer is None:
            return Response(status=self.status)
        if self.answer is None:
            return Response(write_json(answer), status=self.status, content_type=self.media_type)
        adapter = TypeAdapter(self.answer)
        value = adapter.validate_python(answer, from_attributes=True)
        return Response(adapter.dump_json(value), status=self.status, content_type=self.media_type)


def _verify_in_time() -> None:
    """NotReady for a request that waited so long in line that its caller has hardly waited with it."""
    if request.environ.get(WAITED, 0.0) > current_platform().settings.prediction_wait_seconds:
        raise NotReady("The server is busy with other predictions: this one waited for too long. Try again later.")


class Endpoints:
    """The endpoints of one noun, in the order in which they were written."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.listed: list[Endpoint] = []

    def get(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._add("GET", path, **contract)

    def post(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._add("POST", path, **contract)

    def put(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._add("PUT", path, **contract)

    def patch(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._add("PATCH", path, **contract)

    def delete(self, path: str, **contract: Any) -> Callable[[View], View]:
        return self._add("DELETE", path, **{"status": 204, **contract})

    def _add(
        self, method: str, path: str, *, access: Access, answer: Any = None, status: int = 200, **more: Any
    ) -> Callable[[View], View]:
        def add(view: View) -> View:
            hints = {name: kind for name, kind in get_type_hints(view).items() if name != "return"}
            hints = {name: hints.get(name) for name in inspect.signature(view).parameters}
            self.listed.append(
                Endpoint(method, path, view, access, answer, status, self.tag, hints=hints, **more),
            )
            return view

        return add


def install(app: Flask, endpoints: list[Endpoint]) -> None:
    """Every endpoint becomes a route of the app."""
    app.extensions["signet.endpoints"] = endpoints
    # What Werkzeug makes of doubled slashes is a redirect to whatever host the caller named.
    app.url_map.merge_slashes = False
    for endpoint in endpoints:
        rule = endpoint.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(rule, endpoint.name, endpoint, methods=[endpoint.method])


def read_payload() -> bytes:
    """The raw body, unpacked; TooLarge over the limit of the settings, packed or not."""
    megabytes = current_platform().settings.max_body_mb
    limit = megabytes * 1024 * 1024
    too_large = TooLarge(f"The body is larger than {megabytes} MB.")
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    # One byte more: a body of unstated length is cut at its limit without a word, and would pass for a whole one.
    request.max_content_length = limit + 1
    payload = request.get_data(cache=False)
    if len(payload) > limit:
        raise too_large
    return inflate(payload, request.headers.get("Content-Encoding", ""), limit)


def _read_body(model: type[BaseModel]) -> BaseModel:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    payload = read_payload()
    # Twice, because each sees what the other does not: duplicate keys and NaN here, the model's own rules there.
    parse_json(payload)
    return _validated(model, payload)


def _read_query(model: type[BaseModel]) -> BaseModel:
    """The parameters after `?`; one that is given twice would be two answers to one question."""
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Malformed(f"The parameter '{name[:80]}' is given twice.")
        if "\0" in values[0]:
            raise InvalidFields([FieldProblem(name[:80], "holds the character U+0000, which no text here may have")])
    return _validated(model, request.args.to_dict())


def _validated(model: type[BaseModel], value: object) -> BaseModel:
    try:
        return model.model_validate_json(value) if isinstance(value, bytes) else model.model_validate(value)
    except ValidationError as error:
        raise InvalidFields([_problem(entry["loc"], entry["msg"]) for entry in error.errors()]) from error


def _problem(location: tuple[int | str, ...], message: str) -> FieldProblem:
    text = message.removeprefix("Value error, ")
    return FieldProblem(".".join(str(part) for part in location) or "body", f"{text[:1].lower()}{text[1:]}")
