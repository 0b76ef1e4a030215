"""Every fact that a caller may be told went wrong, as one family of exceptions.

`detail` is for the caller; `cause` is for the log and never leaves the process.
Which HTTP status each kind becomes is one table in `backend/api/problem.py`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass


class SignetError(Exception):
    """The root of the family; never raised itself."""

    def __init__(self, detail: str, *, cause: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.cause = cause


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of one row (`row` counts from 0; None where there is only one)."""

    field: str
    problem: str
    row: int | None = None

    def to_json(self) -> dict[str, object]:
        return {key: value for key, value in asdict(self).items() if value is not None}


class Malformed(SignetError):
    """The request cannot be understood: not JSON, a missing key, a wrong shape."""


class Unauthenticated(SignetError):
    """Nobody is signed in, or the credential is not (or no longer) good."""


class InvalidCredentials(Unauthenticated):
    """Unknown user or wrong password; the two are never told apart."""


class OtpRequired(Unauthenticated):
    """The password is right; the code of the second factor is missing."""


class ProofRequired(Unauthenticated):
    """Signed in, but longer ago than `max_age` seconds, and this act asks for a proof that it is still the same person (RFC 9470)."""

    def __init__(self, detail: str, *, max_age: int, cause: str | None = None) -> None:
        super().__init__(detail, cause=cause)
        self.max_age = max_age


class InvalidToken(Unauthenticated):
    """A token that is expired, revoked, altered or meant for something else."""


class InvalidCertificate(Unauthenticated):
    """A client certificate that is unknown to us, revoked, replaced or outside its life."""


class InvalidEnrolment(Unauthenticated):
    """An enrolment token that is unknown, used or too old; the three are never told apart."""


class UnsupportedGrant(Malformed):
    """A token was asked for in a way that is not offered (RFC 6749, `unsupported_grant_type`)."""


class InvalidScope(Malformed):
    """A token was asked for more than its subscriber may do, or for something unknown (RFC 6749, `invalid_scope`)."""


class NotAllowed(SignetError):
    """The caller is known and may not do this."""


class InsufficientScope(NotAllowed):
    """The caller may do this, but not with this token; `scope` is what a token needs (RFC 6750)."""

    def __init__(self, detail: str, *, scope: str, cause: str | None = None) -> None:
        super().__init__(detail, cause=cause)
        self.scope = scope


class NotFound(SignetError):
    """The thing does not exist, or is not the caller's to know about."""


class Gone(SignetError):
    """The thing was there to be fetched once, and was, or its time is over."""


class Conflict(SignetError):
    """The act contradicts the present state."""


class TooLarge(SignetError):
    """More bytes, rows or columns than a limit allows; `detail` names the limit."""


class UnsupportedMediaType(SignetError):
    """The body is of a type that this route does not read."""


class Invalid(SignetError):
    """Well-formed, but breaks a rule of the platform or of the model."""


class InvalidFields(Invalid):
    """Values that break the contract, field by field."""

    def __init__(self, problems: Sequence[FieldProblem], *, cause: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(_sentence(self.problems), cause=cause)


class DatasetUnreadable(Invalid):
    """An uploaded file that cannot become a dataset; `detail` says what, where and what to do."""


class TrainingImpossible(Invalid):
    """Data that cannot teach a model, in words that a domain expert understands."""


class TooManyRequests(SignetError):
    """The caller's allowance is used up for `retry_after` seconds."""

    def __init__(self, detail: str, *, retry_after: int, cause: str | None = None) -> None:
        super().__init__(detail, cause=cause)
        self.retry_after = retry_after


class RequestTimeout(SignetError):
    """The client took too long to send its request."""


class NotReady(SignetError):
    """A part that the answer needs is not available for now; trying again after `retry_after` seconds may work."""

    retry_after = 1


class DigestMismatch(SignetError):
    """A model's bytes are not those that were registered; it is never loaded."""


class UnsafeSettings(SignetError):
    """A setting or a file that makes the platform unsafe; it refuses to start."""


def _sentence(problems: tuple[FieldProblem, ...]) -> str:
    """The first few problems as one readable text."""
    shown = "; ".join(
        f"'{p.field}' {p.problem}" if p.row is None else f"row {p.row}: '{p.field}' {p.problem}" for p in problems[:5]
    )
    more = len(problems) - 5
    return f"{shown}; and {more} more" if more > 0 else shown
