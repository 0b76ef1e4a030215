"""A platform made of a few answers: it keeps what it was asked, and replies what a test scripted."""

from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from signet_client import Signet, Tokens

Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass
class Script:
    """Replies in order; the last one repeats."""

    replies: list[Reply] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else reply(request)

    def client(self, token: str | Tokens | None = None) -> Signet:
        return Signet("https://platform.test", transport=httpx.MockTransport(self), token=token)


def problem(status: int, code: str, **more: object) -> httpx.Response:
    body = {"detail": f"about {code}", "error": "old text", "code": code, "status": status, **more}
    return httpx.Response(status, json=body, headers={"X-Request-Id": "r-1"})


def token_answer(number: int, expires_in: int = 900) -> httpx.Response:
    body = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "expires_in": expires_in}
    return httpx.Response(200, json={**body, "token_type": "Bearer"})
