"""What a person is told when everything answers: three lines, of which the last works as pasted."""

import shlex
import urllib.request
from pathlib import Path

from backend.settings import Settings
from backend.supervision.places import api_url, ui_url

_PICK = r"""sed -E 's/.*"access_token" *: *"([^"]+)".*/\1/'"""
_ROW = '{"features": [5.1, 3.5, 1.4, 0.2]}'
# Asked for by Python, as shells differ in how they read a line unseen.
_ASK = """python3 -c 'import getpass, json; print(json.dumps({"username": "admin", "password": getpass.getpass()}))'"""


def invitation(settings: Settings, seconds: float, *, first: bool) -> tuple[str, str, str]:
    """Where to sign in, as whom, and how to ask for a prediction; the password itself only where this is the `first` start."""
    return (
        f"Signet is ready after {seconds:.1f} s. Sign in at {settings.web_origin or ui_url(settings)}",
        _who(settings.certs / "initial-admin-password", first=first),
        curl(settings),
    )


def curl(settings: Settings) -> str:
    """One line for a POSIX shell that signs in as the administrator and scores one row with the sample model."""
    password = settings.certs / "initial-admin-password"
    call = _call(settings)
    if password.exists():
        shown = f'"$(cat {shlex.quote(str(password))})"'
        login = rf"""-d '{{"username": "admin", "password": "'{shown}'"}}'"""
        sign_in = f"{call} {login} {api_url(settings)}/login"
    else:
        sign_in = f"{_ASK} | {call} -d @- {api_url(settings)}/login"
    bearer = f'-H "Authorization: Bearer $({sign_in} | {_PICK})"'
    return f"{call} {bearer} -d '{_ROW}' {api_url(settings)}/predict"


def _call(settings: Settings) -> str:
    # A proxy that the environment names for every address would be asked for this machine too.
    proxied = "https" in urllib.request.getproxies() and not urllib.request.proxy_bypass("localhost")
    direct = " --noproxy '*'" if proxied else ""
    return (
        f"curl -sS{direct} --cacert {shlex.quote(str(settings.certs / 'ca.pem'))} -H 'Content-Type: application/json'"
    )


def _who(password: Path, *, first: bool) -> str:
    if not password.exists():
        return "with your own account; `python -m backend user list` says who has one"
    if first:
        return (
            f"as admin with the password {password.read_text('utf-8').strip()} (kept in {password} until you change it)"
        )
    return f"as admin with the password in {password}"
