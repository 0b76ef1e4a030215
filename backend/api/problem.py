"""Every error leaves in one shape, `application/problem+json` (RFC 9457); the status of each kind is one table."""

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, json, request
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from backend import errors
from backend.api import refusals
from backend.database import db

STATUS: dict[type[errors.SignetError], HTTPStatus] = {
    errors.Malformed: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedGrant: HTTPStatus.BAD_REQUEST,
    errors.InvalidScope: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.InvalidCredentials: HTTPStatus.UNAUTHORIZED,
    errors.OtpRequired: HTTPStatus.UNAUTHORIZED,
    errors.ProofRequired: HTTPStatus.UNAUTHORIZED,
    errors.InvalidToken: HTTPStatus.UNAUTHORIZED,
    errors.InvalidCertificate: HTTPStatus.UNAUTHORIZED,
    errors.InvalidEnrolment: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.InsufficientScope: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Gone: HTTPStatus.GONE,
    errors.RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidFields: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DatasetUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TrainingImpossible: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DigestMismatch: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnsafeSettings: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# An error and its problem document in, the answer that the caller's standard asks for out.
Shape = Callable[[Exception, Response], Response]

_FAULT = "An unexpected error happened on the server. Give the request id to its administrator."

_log = logging.getLogger("signet.api")


def install(app: Flask) -> None:
    """Every exception of the app becomes a problem document; what was begun in the database is rolled back."""
    app.register_error_handler(errors.SignetError, partial(_in_shape, _known))
    app.register_error_handler(HTTPException, partial(_in_shape, _of_http))
    app.register_error_handler(TimeoutError, partial(_in_shape, _timed_out))
    app.register_error_handler(SQLAlchemyError, partial(_in_shape, _of_database))
    app.register_error_handler(Exception, partial(_in_shape, _unexpected))


def problem(status: int, code: str, detail: str, **members: Any) -> Response:
    """A problem document about this request."""
    document = {
        "type": f"urn:signet:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "error": detail,
        "instance": request.path,
        "code": code,
        "request_id": g.get("request_id", ""),
        **members,
    }
    return Response(json.dumps(document), status=status, content_type="application/problem+json")


def restated(response: Response, restate: Callable[[dict[str, Any]], dict[str, Any]]) -> Response:
    """A problem document in the words of a prediction standard, whose errors of the caller's values are plain 400."""
    document = response.get_json()
    if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
        response.status_code = HTTPStatus.BAD_REQUEST
    response.data = json.dumps(restate(document))
    response.content_type = "application/json"
    return response


def _in_shape(render: Callable[[Any], Response], error: Exception) -> Response:
    """The problem document, or what an endpoint makes of it that keeps to another standard's errors."""
    response = render(error)
    endpoint = current_app.view_functions.get(request.endpoint or "")
    shape: Shape | None = getattr(endpoint, "shape", None)
    return response if shape is None else shape(error, response)


def _known(error: errors.SignetError) -> Response:
    _roll_back()
    status = STATUS[type(error)]
    if error.cause or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s: %s (%s) [%s]", type(error).__name__, error.detail, error.cause, g.get("request_id"))
    members: dict[str, Any] = {}
    if isinstance(error, errors.InvalidFields):
        members["problems"] = [problem.to_json() for problem in error.problems]
    refusals.tell(error, status, _code(type(error)))
    # What is wrong with this machine names its files, and is for whoever reads its log.
    detail = _FAULT if status == HTTPStatus.INTERNAL_SERVER_ERROR else error.detail
    response = problem(status, _code(type(error)), detail, **members)
    if status == HTTPStatus.UNAUTHORIZED or isinstance(error, errors.InsufficientScope):
        response.headers["WWW-Authenticate"] = _challenge(error)
    if isinstance(error, errors.TooManyRequests | errors.NotReady):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _of_http(error: HTTPException) -> Response:
    """What Flask and Werkzeug themselves refuse: unknown paths, methods, broken framing."""
    _roll_back()
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    code = HTTPStatus(status).phrase.lower().replace(" ", "-").replace("'", "")
    detail = "There is nothing at this address." if status == HTTPStatus.NOT_FOUND else error.description
    response = problem(status, code, detail or HTTPStatus(status).phrase)
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _timed_out(error: TimeoutError) -> Response:
    return _known(errors.RequestTimeout("The request took too long to arrive.", cause=str(error)))


def _of_database(error: SQLAlchemyError) -> Response:
    """The database could not, for now, or was told what it cannot keep; anything else is a fault of ours."""
    cause = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if isinstance(error, OperationalError | PoolTimeout) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        return _known(errors.NotReady("The database does not answer for now. Try again in a moment.", cause=cause))
    if isinstance(error, DataError):
        return _known(errors.Invalid("A value is too large, or holds a character that cannot be kept.", cause=cause))
    return _unexpected(error)


def _unexpected(error: Exception) -> Response:
    """A fault of ours: the log has the whole of it, the caller its request id."""
    _roll_back()
    _log.error("unexpected error [%s]", g.get("request_id"), exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected", _FAULT)


def _roll_back() -> None:
    try:
        db.session.rollback()
    except SQLAlchemyError as error:
        # Nothing was committed, so there is nothing to undo; the connection is not used again.
        _log.warning("the database is away: %s [%s]", type(error).__name__, g.get("request_id"))
        db.session.remove()


def _challenge(error: errors.SignetError) -> str:
    """How to try again: with a token, or where one enrols with the enrolment token as a password (RFC 7030, 3.2.3)."""
    if isinstance(error, errors.InvalidEnrolment):
        return 'Basic realm="signet enrolment"'
    if isinstance(error, errors.InsufficientScope):
        return f'Bearer realm="signet", error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, errors.ProofRequired):
        return f'Bearer realm="signet", error="insufficient_user_authentication", max_age="{error.max_age}"'
    reason = ', error="invalid_token"' if isinstance(error, errors.InvalidToken) else ""
    return f'Bearer realm="signet"{reason}'


def _code(kind: type[errors.SignetError]) -> str:
    """`NotAllowed` -> `not-allowed`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).removeprefix("-")
