"""From where a request comes: its connection, or what our own web app says of the browser it works for."""

import pytest
from flask import Flask, request

from backend.api.caller import ADDRESS, TOKEN, TOKEN_FILE, caller_address
from backend.settings import Settings


def _address(app: Flask, headers: dict[str, str], connection: str | None = "127.0.0.1") -> str:
    environ = {} if connection is None else {"REMOTE_ADDR": connection}
    with app.test_request_context(headers=headers, environ_overrides=environ):
        if connection is None:
            request.environ.pop("REMOTE_ADDR", None)
        return caller_address()


@pytest.fixture
def token(app: Flask, settings: Settings) -> str:
    return (settings.certs / TOKEN_FILE).read_text().strip()


def test_it_is_that_of_the_connection(app: Flask) -> None:
    assert _address(app, {}, "192.0.2.1") == "192.0.2.1"
    assert _address(app, {}, None) == ""


def test_the_web_app_says_for_whom_it_asks(app: Flask, token: str) -> None:
    assert _address(app, {ADDRESS: "192.0.2.1", TOKEN: token}) == "192.0.2.1"
    assert _address(app, {ADDRESS: "2001:db8::1", TOKEN: token}) == "2001:db8::1"
    assert _address(app, {TOKEN: token}) == "127.0.0.1"
    assert _address(app, {ADDRESS: "192.0.2.1, 10.0.0.1", TOKEN: token}) == "127.0.0.1"


@pytest.mark.parametrize("wrong", ["", "x", "\u00fc"])
def test_nobody_else_does(app: Flask, wrong: str) -> None:
    assert _address(app, {ADDRESS: "192.0.2.1", TOKEN: wrong}) == "127.0.0.1"
    assert _address(app, {ADDRESS: "192.0.2.1", "X-Forwarded-For": "192.0.2.1"}) == "127.0.0.1"
