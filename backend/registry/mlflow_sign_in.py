"""Who may do what in MLflow: a credential of the platform comes in, a visitor who may make this request goes out."""

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from backend.errors import NotAllowed, Unauthenticated

# No person can be called that: a person's name holds no capital letter and no space.
SERVICE_NAME = "Signet platform"
ADMINISTRATORS = frozenset({"service", "admin"})
WRITERS = ADMINISTRATORS | {"scientist"}

# The parts of MLflow that this platform does not offer: they run commands on this machine (assistant, scorers, jobs), call other
# machines (gateway, webhooks) or keep people of their own (users, roles), whereas people are the platform's.
_CLOSED = re.compile(
    r"/gateway/.*|/v1/traces.*|/signup|.*/ajax-api/3\.0/jobs.*"
    r"|.*/mlflow/(gateway|assistant|webhooks|jobs|scorers?|demo|genai|issues|mcp-servers|prompt-optimization|workspaces)(/.*)?"
    r"|.*/mlflow/gateway-proxy|.*/mlflow/runs/create-promptlab-run"
    r"|.*/mlflow/(users|roles)/(?!(current|list|get|roles/list|current/permissions|permissions/list)$).*"
)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# MLflow searches by POST, and its pages ask by GraphQL, which has no mutation that changes anything.
_READING_BY_POST = re.compile(
    r"/graphql|.*/mlflow/.*/(search|search-datasets|get-latest-versions|metrics|batchGetInfos|calculate-filter-correlation)"
    r"|.*/mlflow/ui-telemetry"
)


class Person(Protocol):
    """What is read of a signed-in person."""

    @property
    def username(self) -> str: ...
    @property
    def role(self) -> str: ...


# The web app's cookie. Browsers send it to every port of the host, so here too where MLflow and the web app are behind one proxy.
COOKIE = "__Host-signet"
SESSION = "Session"
# For so long a session of the web app is believed to live; signing out there ends it here.
_SESSION_SECONDS = 5

# Raises Unauthenticated; takes the value of the `Authorization` header (Bearer token of a person, or Basic with the password), or what
# `web_session` returns.
Authenticate = Callable[[str], Person]


@dataclass(frozen=True)
class Visitor:
    """Somebody whose credential was good; `role` is one of the platform's, or `service`."""

    username: str
    role: str

    @property
    def is_platform(self) -> bool:
        return self.username == SERVICE_NAME

    def verify_may(self, method: str, path: str) -> None:
        """NotAllowed where the part is not offered, or the role reads only and this would write."""
        if _CLOSED.fullmatch(path):
            raise NotAllowed("This part of MLflow is not offered here.")
        reading = method in _READING or (method == "POST" and _READING_BY_POST.fullmatch(path) is not None)
        if not reading and self.role not in WRITERS:
            raise NotAllowed(f"The role '{self.role}' reads MLflow and does not change it.")


def web_session(method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """The session of the web app that the same browser has, and what that browser is, as if it stood in `Authorization`; or nothing.

    A browser sends the cookie with requests of other pages of this host too. Those may only lead here, not ask or change.
    """
    own = headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    leads_here = method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
    handle = cookies.get(COOKIE, "")
    return f"{SESSION} {handle} {headers.get('User-Agent', '')}" if handle and (own or leads_here) else ""


class SignIn:
    """Turns an `Authorization` header into a visitor; a good one is remembered for `seconds`, a bad one never."""

    def __init__(
        self, token: str, authenticate: Authenticate, admit: Callable[[Visitor], None], seconds: float = 30
    ) -> None:
        """`admit` is called with a visitor before it is remembered."""
        self._token = hashlib.sha256(token.encode()).digest()
        self._authenticate = authenticate
        self._admit = admit
        self._seconds = seconds
        self._known: dict[bytes, tuple[float, Visitor]] = {}
        self._lock = threading.Lock()

    def identify(self, header: str) -> Visitor:
        """The visitor behind the header; Unauthenticated otherwise."""
        key = hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()
        remembered = self._known.get(key)
        if remembered is not None and remembered[0] > time.monotonic():
            return remembered[1]
        visitor = self._verify(header)
        self._admit(visitor)
        is_session = header.startswith(f"{SESSION} ")
        self._remember(key, visitor, min(self._seconds, _SESSION_SECONDS) if is_session else self._seconds)
        return visitor

    def _verify(self, header: str) -> Visitor:
        if not header:
            raise Unauthenticated("Sign in with a username and password of the platform.")
        scheme, _, credential = header.partition(" ")
        given = hashlib.sha256(credential.strip().encode("utf-8", "surrogateescape")).digest()
        if scheme.lower() == "bearer" and hmac.compare_digest(given, self._token):
            return Visitor(SERVICE_NAME, "service")
        person = self._authenticate(header)
        return Visitor(person.username, str(person.role))

    def _remember(self, key: bytes, visitor: Visitor, seconds: float) -> None:
        now = time.monotonic()
        with self._lock:
            alive = (
                {k: v for k, v in self._known.items() if v[0] > now} if len(self._known) >= 1024 else dict(self._known)
            )
            self._known = {**alive, key: (now + seconds, visitor)}
