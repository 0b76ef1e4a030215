"""Everything that can go wrong with a call, as one family of exceptions.

SignetError
|-- Unreachable             no answer: no connection, TLS refused, time ran out
|-- UnexpectedAnswer        an answer that is not the platform's (a proxy's page, broken JSON)
`-- Refused                 the platform said no; `status`, `code`, `request_id`
    |-- Malformed           400
    |-- Unauthenticated     401
    |   |-- InvalidCredentials  unknown user or wrong password, never told apart
    |   |-- OtpRequired         the password is right; a code of the second factor is needed
    |   |-- ProofRequired       signed in too long ago for this act: give the password with the call
    |   `-- SessionEnded        signed out, expired or revoked: sign in again
    |-- Forbidden           403
    |-- NotFound            404, also for what belongs to somebody else
    |-- Conflict            409
    |-- Gone                410, what could be had once or for a while
    |-- TooLarge            413
    |-- UnsupportedMedia    415
    |-- Invalid             422; `problems` names each field
    |-- RateLimited         429; `retry_after` seconds
    |-- NotReady            503: trying again later may work
    `-- ServerFault         any other 5xx
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field of one row (`row` counts from 0; None where there is only one)."""

    field: str
    problem: str
    row: int | None = None


class SignetError(Exception):
    """The root of the family; `detail` is a text for the person who called."""

    def __init__(self, detail: str, *, request_id: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.request_id = request_id


class Unreachable(SignetError):
    """The platform did not answer."""


class UnexpectedAnswer(SignetError):
    """Something answered, but not as the platform does."""


class Refused(SignetError):
    """The platform answered with an error."""

    def __init__(self, detail: str, *, status: int, code: str = "", request_id: str | None = None) -> None:
        super().__init__(detail, request_id=request_id)
        self.status = status
        self.code = code


class Malformed(Refused):
    """400: the request could not be understood."""


class Unauthenticated(Refused):
    """401: nobody is signed in, or the credential is not good."""


class InvalidCredentials(Unauthenticated):
    """Unknown user or wrong password."""


class OtpRequired(Unauthenticated):
    """The second factor's code is missing."""


class ProofRequired(Unauthenticated):
    """The sign-in was too long ago for this act; the call takes the password."""


class SessionEnded(Unauthenticated):
    """The session is over; only signing in again helps."""


class Forbidden(Refused):
    """403: the caller may not do this."""


class NotFound(Refused):
    """404: it does not exist, or is not the caller's to know about."""


class Conflict(Refused):
    """409: the act contradicts the present state."""


class Gone(Refused):
    """410: it was there once, or for a while, and is no more."""


class TooLarge(Refused):
    """413: more bytes, rows or columns than a limit allows."""


class UnsupportedMedia(Refused):
    """415: a body of a type that the call does not read."""


class Invalid(Refused):
    """422: well-formed, but breaks a rule of the platform or of the model."""

    problems: tuple[Problem, ...] = ()


class RateLimited(Refused):
    """429: the allowance is used up for `retry_after` seconds."""

    retry_after: int = 1


class NotReady(Refused):
    """503: a part that the answer needs is not available yet."""


class ServerFault(Refused):
    """5xx: the platform failed; the request id finds the reason in its log."""


BY_STATUS: Mapping[int, type[Refused]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
    415: UnsupportedMedia,
    422: Invalid,
    429: RateLimited,
    503: NotReady,
}
BY_CODE: Mapping[str, type[Refused]] = {
    "invalid-credentials": InvalidCredentials,
    "otp-required": OtpRequired,
    "proof-required": ProofRequired,
}


def is_about_a_secret(response: httpx.Response) -> bool:
    """Whether an error answer says that a password or a code is wrong or missing, and nothing of the token."""
    response.read()
    return str((_json_object(response) or {}).get("code")) in BY_CODE


def refusal(response: httpx.Response) -> SignetError:
    """The exception that an error answer stands for."""
    request_id = response.headers.get("X-Request-Id")
    body = _json_object(response)
    if body is None:
        detail = f"An answer with status {response.status_code} that is not the platform's."
        return UnexpectedAnswer(detail, request_id=request_id)
    code = str(body.get("code") or body.get("error_code") or "")
    kind = BY_CODE.get(code) or BY_STATUS.get(response.status_code)
    kind = kind or (ServerFault if response.status_code >= 500 else Refused)
    error = kind(_detail(body), status=response.status_code, code=code, request_id=request_id)
    if isinstance(error, Invalid):
        error.problems = _problems(body.get("problems"))
    if isinstance(error, RateLimited):
        error.retry_after = _seconds(response.headers.get("Retry-After"))
    return error


def _json_object(response: httpx.Response) -> dict[str, object] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _detail(body: Mapping[str, object]) -> str:
    """The readable text, under the key that each of the platform's protocols uses."""
    texts = (body.get(key) for key in ("detail", "error_description", "error", "message", "title"))
    return next((text for text in texts if isinstance(text, str) and text), "The platform refused without a reason.")


def _problems(found: object) -> tuple[Problem, ...]:
    rows = found if isinstance(found, list) else []
    return tuple(
        Problem(str(row.get("field", "")), str(row.get("problem", "")), row.get("row"))
        for row in rows
        if isinstance(row, dict)
    )


def _seconds(header: str | None) -> int:
    return int(header) if header and header.isdecimal() else 1
