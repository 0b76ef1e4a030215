"""The second factor of the person who is signed in, and its reset by an administrator."""

from pydantic import Field

from backend.api.access import Allow
from backend.api.platform import Platform
from backend.api.routing import Answer, Body, Endpoints
from backend.errors import Conflict, TooManyRequests
from backend.identity import second_factor
from backend.identity.passwords import verify_hash
from backend.identity.principal import Permission, Principal
from backend.identity.signing_in import proving
from backend.identity.users import get_user

endpoints = Endpoints("People")


class Proof(Body):
    password: str = Field(max_length=1024, repr=False)
    code: str = Field(max_length=64, repr=False, description="The code that the authenticator app shows now")


class NewSecondFactor(Answer):
    secret: str = Field(description="Base32, for an authenticator app; told this once")
    uri: str = Field(description="The same as `otpauth://`, to show as a QR code")


class RecoveryCodes(Answer):
    recovery_codes: list[str] = Field(description="Each stands in, once, for a code of the app; told this once")


@endpoints.post("/v1/me/otp", access=Allow.SIGNED_IN, answer=NewSecondFactor, status=201, refuses=(Conflict,))
def begin_second_factor(actor: Principal, platform: Platform) -> second_factor.Enrolment:
    """Begin with a second factor (TOTP, RFC 6238). Nothing is asked for before it is confirmed. 409 where there is one."""
    return second_factor.begin(platform.settings, get_user(actor.id))


@endpoints.post("/v1/me/otp/confirm", access=Allow.SIGNED_IN, answer=RecoveryCodes, refuses=(Conflict, TooManyRequests))
def confirm_second_factor(actor: Principal, body: Proof, platform: Platform) -> dict[str, object]:
    """Have a code asked for at every sign-in from now on; the password and a first code prove that the app works."""
    user = get_user(actor.id)
    with proving(user, actor.session_id):
        verify_hash(user.password_hash, body.password)
        return {"recovery_codes": second_factor.confirm(platform.settings, user, body.code)}


@endpoints.post(
    "/v1/me/otp/recovery-codes", access=Allow.SIGNED_IN, answer=RecoveryCodes, refuses=(Conflict, TooManyRequests)
)
def renew_recovery_codes(actor: Principal, body: Proof, platform: Platform) -> dict[str, object]:
    """Ten new recovery codes; the earlier ones stop working. Needs the password and a code. 409 without a second factor."""
    user = get_user(actor.id)
    with proving(user, actor.session_id):
        verify_hash(user.password_hash, body.password)
        return {"recovery_codes": second_factor.renew_recovery_codes(platform.settings, user, body.code)}


@endpoints.delete("/v1/me/otp", access=Allow.SIGNED_IN, refuses=(TooManyRequests,))
def remove_second_factor(actor: Principal, body: Proof, platform: Platform) -> None:
    """Go back to the password alone; needs the password and a code of the app, or a recovery code."""
    user = get_user(actor.id)
    with proving(user, actor.session_id):
        verify_hash(user.password_hash, body.password)
        second_factor.verify_code(platform.settings, user, body.code)
    second_factor.remove(user, actor=actor.actor)


@endpoints.delete("/v1/users/{user_id}/otp", access=Permission.MANAGE_USERS)
def reset_second_factor(user_id: str, actor: Principal) -> None:
    """Take a person's lost second factor away, so that they can sign in with the password and begin with a new one."""
    second_factor.remove(get_user(user_id), actor=actor.actor)
