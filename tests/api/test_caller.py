"""From where a request comes: its connection, or what our own web app says of the browser it works for."""

import base64
from collections.abc import Callable

from flask import Flask, request

from backend.api.caller import ADDRESS, caller_address
from backend.listener.wsgi import CLIENT_CERTIFICATE, PROXIED
from tests.api.conftest import Subscribed, WebApp


def _address(
    app: Flask, headers: dict[str, str], connection: str | None = "127.0.0.1", certificate: bytes | None = None
) -> str:
    environ = {CLIENT_CERTIFICATE: certificate} | ({} if connection is None else {"REMOTE_ADDR": connection})
    with app.test_request_context(headers=headers, environ_overrides=environ):
        if connection is None:
            request.environ.pop("REMOTE_ADDR", None)
        return caller_address()


def test_it_is_that_of_the_connection(app: Flask) -> None:
    assert _address(app, {}, "192.0.2.1") == "192.0.2.1"
    assert _address(app, {}, None) == ""


def test_the_web_app_says_for_whom_it_asks(app: Flask, web_app: WebApp) -> None:
    assert _address(app, {ADDRESS: "192.0.2.1"}, certificate=web_app.der) == "192.0.2.1"
    assert _address(app, {ADDRESS: "2001:db8::1"}, certificate=web_app.der) == "2001:db8::1"
    assert _address(app, {}, certificate=web_app.der) == "127.0.0.1"
    assert _address(app, {ADDRESS: "192.0.2.1, 10.0.0.1"}, certificate=web_app.der) == "127.0.0.1"


def test_it_says_so_through_a_proxy_too(app: Flask, web_app: WebApp) -> None:
    header = f":{base64.b64encode(web_app.der).decode()}:"
    headers = {ADDRESS: "192.0.2.1", "Client-Cert": header}
    with app.test_request_context(headers=headers, environ_overrides={PROXIED: True, "REMOTE_ADDR": "10.0.0.1"}):
        assert caller_address() == "192.0.2.1"
    with app.test_request_context(headers=headers, environ_overrides={"REMOTE_ADDR": "10.0.0.1"}):
        assert caller_address() == "10.0.0.1"


def test_nobody_else_does(app: Flask, web_app: WebApp, subscribed: Callable[..., Subscribed]) -> None:
    stranger = subscribed("billing", models=["*"]).der
    assert _address(app, {ADDRESS: "192.0.2.1"}) == "127.0.0.1"
    assert _address(app, {ADDRESS: "192.0.2.1"}, certificate=stranger) == "127.0.0.1"
    assert _address(app, {"X-Forwarded-For": "192.0.2.1"}, certificate=web_app.der) == "127.0.0.1"
