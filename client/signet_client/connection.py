"""How one call travels: TLS, time limits, renewed tokens, bounded repeats, and errors as exceptions."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from signet_client.errors import (
    SessionEnded,
    Unauthenticated,
    UnexpectedAnswer,
    Unreachable,
    is_about_a_secret,
    refusal,
)
from signet_client.tokens import TokenBox, Tokens
from signet_client.tracing import current_traceparent

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
REPEATS_AFTER_SECONDS = (0.1, 0.4)
CONNECTION_FAILED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError)


def open_http(
    base_url: str,
    *,
    ca: Path | str | None = None,
    certificate: tuple[Path | str, Path | str] | None = None,
    transport: httpx.BaseTransport | None = None,
    timeout: httpx.Timeout | float = TIMEOUT,
) -> httpx.Client:
    """An HTTP client that trusts `ca` (the system's authorities where None) and presents `certificate` (PEM files)."""
    verify: ssl.SSLContext | bool = True
    if transport is None:
        verify = ssl.create_default_context(cafile=str(ca) if ca else None)
        verify.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate:
            verify.load_cert_chain(*(str(path) for path in certificate))
    # The environment is not asked for proxies or bundles: what is trusted here is what was passed.
    return httpx.Client(base_url=base_url, verify=verify, transport=transport, timeout=timeout, trust_env=False)


class Connection:
    """The one way out to the platform; every resource of the client calls through it."""

    def __init__(self, http: httpx.Client, box: TokenBox, headers: Mapping[str, str]) -> None:
        self.http = http
        self.box = box
        self._headers = dict(headers)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a good answer (None where it has no body); else the SignetError that it stands for."""
        response = self._good(method, path, options)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise UnexpectedAnswer("An answer that is not JSON.") from error

    def fetch(self, path: str, *, method: str = "GET", **options: Any) -> bytes:
        """The body of a good answer that is no JSON."""
        return self._good(method, path, options).content

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[Iterator[bytes]]:
        """The body of a good answer in pieces, never held whole; a failure while they come is Unreachable."""
        response = self._good("GET", path, {**options, "stream": True})
        try:
            yield _pieces(response)
        finally:
            response.close()

    def fetch_tokens(self, path: str, **options: Any) -> Tokens:
        """The tokens that a sign-in or a renewal answers with."""
        response = self._send("POST", path, None, options)
        if not response.is_success:
            raise refusal(response)
        body = response.json()
        expires_at = time.time() + float(body["expires_in"]) if "expires_in" in body else None
        return Tokens(body["access_token"], body.get("refresh_token"), expires_at)

    def renew(self) -> Tokens | None:
        """The tokens that follow the present ones; None where there is nothing to renew with."""
        tokens = self.box.tokens
        return self._renewed(tokens) if tokens else None

    def _good(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        response = self._authorized(method, path, options)
        if not response.is_success:
            response.read()
            raise refusal(response)
        return response

    def _authorized(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        tokens = self.box.tokens
        if tokens and tokens.is_expiring:
            tokens = self._renewed(tokens) or tokens
        response = self._send(method, path, tokens, options)
        if tokens and tokens.refresh and _is_stale(response):
            return self._send(method, path, self._renewed(tokens), options)
        return response

    def _renewed(self, stale: Tokens) -> Tokens | None:
        try:
            return self.box.renew(stale, self._refresh)
        except Unauthenticated as error:
            raise SessionEnded(
                "Your session ended. Sign in again.", status=401, code=error.code, request_id=error.request_id
            ) from error

    def _refresh(self, refresh_token: str) -> Tokens:
        return self.fetch_tokens("/refresh", headers={"Authorization": f"Bearer {refresh_token}"})

    def _send(self, method: str, path: str, tokens: Tokens | None, options: Mapping[str, Any]) -> httpx.Response:
        traceparent = current_traceparent()
        headers = {"traceparent": traceparent} if traceparent else {}
        headers |= {**self._headers, **(options.get("headers") or {})}
        if tokens:
            headers["Authorization"] = f"Bearer {tokens.access}"
        parts = {key: value for key, value in options.items() if key not in {"headers", "stream"}}
        request = self.http.build_request(method, path, headers=headers, **parts)
        stream = bool(options.get("stream"))
        return _reached(lambda: self.http.send(request, stream=stream), repeatable=method == "GET")


def _is_stale(response: httpx.Response) -> bool:
    """Whether the token is what was refused: a wrong password is no reason to ask a second time."""
    return response.status_code == 401 and not is_about_a_secret(response)


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.HTTPError as error:
        raise _unreachable(error) from error


def _reached(send: Callable[[], httpx.Response], *, repeatable: bool) -> httpx.Response:
    """What `send` returns, repeated where that is safe and the connection failed."""
    for pause in REPEATS_AFTER_SECONDS if repeatable else ():
        try:
            return send()
        except CONNECTION_FAILED:
            time.sleep(pause)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
    try:
        return send()
    except httpx.HTTPError as error:
        raise _unreachable(error) from error


def _unreachable(error: httpx.HTTPError) -> Unreachable:
    if isinstance(error, httpx.TimeoutException):
        return Unreachable("The platform did not answer in time.")
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Unreachable("The platform's certificate is not trusted: pass its `ca.pem` as `ca`.")
    return Unreachable("The platform cannot be reached.")
