"""What an answered prediction leaves for the log of records."""

from typing import Protocol

from flask import Response, request

from backend.api.platform import current_platform
from backend.api.refusals import caller_of
from backend.identity.principal import Principal
from backend.protocols.open_inference import HEADER
from backend.records.record import Record
from backend.serving.models import ServedModel

_ANSWERED = "signet.answered"


class Answered(Protocol):
    """The body of an answer, its id, and where its JSON ends."""

    @property
    def body(self) -> bytes: ...
    @property
    def id(self) -> str: ...
    @property
    def json_length(self) -> int | None: ...


def record_of(
    served: ServedModel,
    protocol: str,
    caller: Principal,
    seconds: float,
    asked: tuple[str, str | None],
    body: bytes,
    answer: Answered,
) -> Record:
    """`asked` is the media type of the body, and the header that says where its JSON ends."""
    ends = int(asked[1] or 0)
    subject, latency_us = caller.subject, int(seconds * 1e6)
    return Record(
        answer.id, served.model, served.version, subject, protocol, asked[0], latency_us, ends, answer.json_length or 0,
        body, answer.body,
    )  # fmt: skip


def note_answer(served: ServedModel, identifier: str, body: bytes) -> None:
    """The request under way is answered under this id; `body` is what it asked, unpacked."""
    request.environ[_ANSWERED] = (served, identifier, body)


def keep(protocol: str, seconds: float, response: Response) -> None:
    """Keep what `note_answer` was told, now that the answer is ready."""
    answered, caller = request.environ.get(_ANSWERED), caller_of(request.environ)
    if answered is None or caller is None or response.status_code != 200:
        return
    served, identifier, body = answered
    asked = request.headers.get("Content-Type", ""), request.headers.get(HEADER)
    current_platform().records.keep(
        record_of(served, protocol, caller, seconds, asked, body, _Given(response, identifier))
    )


class _Given:
    """An answer of Flask's."""

    def __init__(self, response: Response, identifier: str) -> None:
        self.body: bytes = response.get_data()
        self.id = identifier
        self.json_length = int(response.headers.get(HEADER, 0))
