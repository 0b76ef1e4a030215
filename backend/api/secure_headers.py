"""The headers that every answer has, whichever way it takes; what they say is Talisman's."""

from flask import Flask, Response
from flask_talisman import Talisman

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


def install(app: Flask) -> None:
    """Every answer of this app has them."""
    # The one listener speaks TLS only, so there is nothing to redirect from.
    Talisman(app, force_https=False, content_security_policy=CONTENT_SECURITY_POLICY, referrer_policy="no-referrer")
    app.after_request(_keep_out_of_caches)


def headers_over_tls() -> tuple[tuple[str, str], ...]:
    """The same headers, for answers that no app makes."""
    app = Flask(__name__, static_folder=None)
    install(app)
    with app.test_request_context(base_url="https://localhost"):
        made = app.process_response(app.response_class())
    blank = app.response_class().headers
    return tuple((name, value) for name, value in made.headers if name not in blank)


def _keep_out_of_caches(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    return response
