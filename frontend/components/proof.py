"""Acts for which somebody who is signed in proves again who they are."""

from __future__ import annotations

from collections.abc import Callable

from signet_client import InvalidCredentials, OtpRequired, RateLimited


def refusal(act: Callable[[], object], wrong: str) -> str:
    """Do it; why the proof was not taken, or nothing where it was done.

    A wrong password is not the end of a session, so it is told here and not by the page's frame.
    """
    try:
        act()
    except OtpRequired:
        return "Type the code of your authenticator app too."
    except InvalidCredentials:
        return wrong
    except RateLimited as error:
        return f"Too many attempts. Wait {error.retry_after} seconds, then try again."
    return ""
