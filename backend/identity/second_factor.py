"""The second factor: a code of this half minute (RFC 6238), or one of ten recovery codes, beside the password."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

import pyotp
from sqlalchemy import delete, func, select, update

from backend.audit.events import Event
from backend.audit.journal import record
from backend.database import db, now
from backend.errors import Conflict, InvalidCredentials, OtpRequired
from backend.identity.authority_files import read_encryption_key
from backend.identity.sign_in_tables import RecoveryCode, SecondFactor
from backend.identity.tables import User
from backend.pki.sealing import seal_bytes, unseal_bytes
from backend.settings import Settings

ISSUER = "Signet"
RECOVERY_CODES = 10
_STEP_SECONDS = 30
# A clock may be wrong by one step either way.
_STEPS_AROUND = (0, -1, 1)
_WRONG = "The code is wrong, too old, or was used already."


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app is given, once: the secret (base32) and the same as a URI, which is shown as a QR code."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


def begin(settings: Settings, user: User) -> Enrolment:
    """A new secret, of no effect until `confirm`; an earlier one that was not confirmed is forgotten. Conflict where one is in use."""
    factor = db.session.get(SecondFactor, user.id)
    if factor is not None and factor.confirmed_at is not None:
        raise Conflict("You have a second factor already. Remove it first.")
    secret = pyotp.random_base32()
    sealed = seal_bytes(seal_id(user.id), secret.encode(), read_encryption_key(settings)).decode()
    db.session.merge(SecondFactor(user_id=user.id, sealed_secret=sealed, created_at=now(), last_step=0))
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=ISSUER))


def confirm(settings: Settings, user: User, code: str) -> list[str]:
    """Ask for the second factor from now on; the recovery codes, told this once.

    Conflict where there is nothing to confirm, InvalidCredentials for a wrong code.
    """
    factor = db.session.get(SecondFactor, user.id)
    if factor is None or factor.confirmed_at is not None:
        raise Conflict("There is no second factor that waits to be confirmed.")
    _spend_step(settings, user, _digits(code))
    factor.confirmed_at = now()
    codes = _new_recovery_codes(user)
    record(Event.SECOND_FACTOR_ADDED, actor=user.username, target=f"user:{user.username}")
    return codes


def renew_recovery_codes(settings: Settings, user: User, code: str) -> list[str]:
    """Ten recovery codes in place of all earlier ones, told this once; `code` is one of the app, or an earlier recovery code.

    Conflict where the person has no second factor, InvalidCredentials for a wrong code.
    """
    if not is_in_use(user):
        raise Conflict("You have no second factor, and so no recovery codes.")
    verify_code(settings, user, code)
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = _new_recovery_codes(user)
    record(Event.RECOVERY_CODES_RENEWED, actor=user.username, target=f"user:{user.username}")
    return codes


def recovery_codes_left(user: User) -> int:
    """How many recovery codes of the person were not used yet."""
    unused = select(func.count()).select_from(RecoveryCode)
    return db.session.scalar(unused.where(RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None))) or 0


def _new_recovery_codes(user: User) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    db.session.add_all(RecoveryCode(user_id=user.id, code_hash=_hash(user, code)) for code in codes)
    db.session.flush()
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in codes]


def is_in_use(user: User) -> bool:
    """Whether the person is asked for a code."""
    wanted = select(SecondFactor.user_id).where(SecondFactor.user_id == user.id, SecondFactor.confirmed_at.is_not(None))
    return db.session.scalar(wanted) is not None


def users_of_one() -> frozenset[str]:
    """The ids of everybody who is asked for a code."""
    return frozenset(db.session.scalars(select(SecondFactor.user_id).where(SecondFactor.confirmed_at.is_not(None))))


def verify_code(settings: Settings, user: User, code: str | None) -> None:
    """Nothing where the person has no second factor. OtpRequired where the code is missing, InvalidCredentials where it is wrong.

    A code that was good is spent when the caller's transaction is committed.
    """
    if not is_in_use(user):
        return
    given = _digits(code or "")
    if not given:
        raise OtpRequired("Give the code of your authenticator app, or a recovery code, as `otp`.")
    if len(given) == 6:
        _spend_step(settings, user, given)
    else:
        _spend_recovery_code(user, given)


def remove(user: User, *, actor: str) -> None:
    """The person is not asked for a code any more; by themselves, or reset by `actor`."""
    was_in_use = is_in_use(user)
    for table in (SecondFactor, RecoveryCode):
        db.session.execute(delete(table).where(table.user_id == user.id))
    if was_in_use:
        event = Event.SECOND_FACTOR_REMOVED if actor == user.username else Event.SECOND_FACTOR_RESET
        record(event, actor=actor, target=f"user:{user.username}")


def _spend_step(settings: Settings, user: User, code: str) -> None:
    totp = pyotp.TOTP(_secret(settings, user))
    present = int(now().timestamp()) // _STEP_SECONDS
    # Every step is computed, whichever fits, so that the time tells nothing.
    steps = [present + i for i in _STEPS_AROUND]
    fitting = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())]
    for step in fitting:
        newer = update(SecondFactor).where(SecondFactor.user_id == user.id, SecondFactor.last_step < step)
        # One statement decides, so that of two simultaneous uses exactly one wins.
        if db.session.execute(newer.values(last_step=step)).rowcount:  # type: ignore[attr-defined]
            return
    raise InvalidCredentials(_WRONG)


def _spend_recovery_code(user: User, code: str) -> None:
    unused = RecoveryCode.user_id == user.id, RecoveryCode.used_at.is_(None)
    spend = update(RecoveryCode).where(RecoveryCode.code_hash == _hash(user, code.upper()), *unused)
    if not db.session.execute(spend.values(used_at=now())).rowcount:  # type: ignore[attr-defined]
        raise InvalidCredentials(_WRONG)
    left = len(db.session.scalars(select(RecoveryCode.id).where(*unused)).all())
    record(Event.RECOVERY_CODE_USED, actor=user.username, target=f"user:{user.username}", details={"left": left})


def _secret(settings: Settings, user: User) -> str:
    factor = db.session.get_one(SecondFactor, user.id)
    return unseal_bytes(seal_id(user.id), factor.sealed_secret.encode(), read_encryption_key(settings)).decode()


def seal_id(user_id: str) -> str:
    """Under another person's row, a sealed secret does not open."""
    return f"second factor of {user_id}"


def _hash(user: User, code: str) -> str:
    # The codes are random (80 bits), so that a slow hash would add nothing.
    return hashlib.sha256(f"{user.id}:{code}".encode()).hexdigest()


def _digits(code: str) -> str:
    """As it is shown in groups, with blanks or hyphens, a code is the same."""
    return "".join(code.split()).replace("-", "")
