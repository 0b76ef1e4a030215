"""What it costs a request to find out who calls: `python -m benchmarks.access.bench_access [database URL]`.

One process, no network: each kind of credential, with what was verified a moment ago remembered, and with every look-up made anew.
Each figure is the mean of the round that was disturbed least.
"""

import io
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from backend.api.access import authenticate
from backend.api.gate import Gate
from backend.api.person_tokens import issue_tokens
from backend.app import create_app
from backend.database import db
from backend.identity.allowances import DAY, MINUTE, Allowances
from backend.identity.authority import ensure_authority, ensure_token_key
from backend.identity.bound_tokens import issue_bound_token
from backend.identity.certificates import fingerprint_of, verify_certificate
from backend.identity.issuing import issue_certificate
from backend.identity.passwords import generate_password
from backend.identity.principal import Permission, Role
from backend.identity.sessions import start_session
from backend.identity.subscribers import create_subscriber
from backend.identity.users import create_user
from backend.listener.wsgi import CLIENT_CERTIFICATE
from backend.migrations.upgrade import upgrade
from backend.settings import Settings

Environment = dict[str, Any]


def best(call: Callable[[], object], times: int = 200, rounds: int = 10) -> float:
    """Microseconds a call, in the round that was disturbed least."""
    call()
    fastest = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(times):
            call()
        fastest = min(fastest, (time.perf_counter() - begun) / times)
    return fastest * 1e6


def say(what: str, microseconds: float) -> None:
    print(f"{what:60} {microseconds:8.1f} us", flush=True)


def environment(**more: Any) -> Environment:
    return {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/v1/models/iris/schema", "QUERY_STRING": "",
        "SERVER_NAME": "localhost", "SERVER_PORT": "8443", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost:8443",
        "REMOTE_ADDR": "127.0.0.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False, **more,
    }  # fmt: skip


def prepare(app: Flask, settings: Settings) -> dict[str, Environment]:
    """Each kind of caller, as the environment of its request."""
    ensure_authority(settings)
    person = create_user("expert", generate_password(), Role.EXPERT)
    session = start_session(person, timedelta(days=1))
    subscriber = create_subscriber("billing", actor="bench", models=["iris"])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM)
    issued = issue_certificate(settings, subscriber, pem, actor="bench").certificate
    db.session.commit()
    der = x509.load_pem_x509_certificate(issued.encode()).public_bytes(serialization.Encoding.DER)
    signed_in = issue_tokens(session, settings)
    gate: Gate = app.extensions["signet.gate"]
    token = issue_bound_token(gate.keys, settings.issuer, verify_certificate(der), None).token
    return {
        "a person's token": environment(HTTP_AUTHORIZATION=f"Bearer {signed_in['access_token']}"),
        "a certificate": environment(**{CLIENT_CERTIFICATE: der}),
        "a token bound to a certificate": environment(
            **{CLIENT_CERTIFICATE: der, "HTTP_AUTHORIZATION": f"Bearer {token}"}
        ),
    }


def measure_credentials(app: Flask, callers: dict[str, Environment]) -> None:
    gate: Gate = app.extensions["signet.gate"]
    for name, caller in callers.items():
        with app.request_context(caller):
            say(f"{name}, remembered", best(lambda: authenticate(Permission.PREDICT)))

            def anew() -> None:
                gate.people.forget()
                gate.subscribers.forget()
                authenticate(Permission.PREDICT)

            say(f"{name}, its row read anew", best(anew, times=50))

            def wholly() -> None:
                gate.tokens.forget()
                anew()

            say(f"{name}, its signature and its row verified anew", best(wholly, times=50))


def measure_allowances(app: Flask) -> None:
    allowances: Allowances = app.extensions["signet.gate"].allowances
    subscriber = create_subscriber("rated", actor="bench", models=["iris"]).id
    db.session.commit()
    say("a unit of a rate, taken 100 at a time", best(lambda: allowances.spend(subscriber, MINUTE, 10**6), times=1000))
    say(
        "a unit of a quota, taken one at a time",
        best(lambda: allowances.spend(subscriber, DAY, 199), times=15, rounds=9),
    )


def measure_yardsticks(app: Flask, callers: dict[str, Environment]) -> None:
    """What the figures above are small or large beside."""
    fingerprint = fingerprint_of(callers["a certificate"][CLIENT_CERTIFICATE])
    by_fingerprint = "SELECT revoked_at, not_after FROM certificates WHERE fingerprint = {}"
    held = db.engine.raw_connection()
    mark = "?" if db.engine.dialect.name == "sqlite" else "%s"
    cursor = held.cursor()
    say(
        "the row read raw, on a connection held open",
        best(lambda: cursor.execute(by_fingerprint.format(mark), (fingerprint,)).fetchone()),
    )
    held.close()
    live = environment(PATH_INFO="/health/live")
    say("a whole request that asks for no credential", best(lambda: list(app(dict(live), lambda *_: None))))  # type: ignore[arg-type]


def main() -> None:
    logging.disable(logging.CRITICAL)
    home = Path(tempfile.mkdtemp(prefix="signet-bench-"))
    settings = Settings(home=home, database_url=sys.argv[1] if len(sys.argv) > 1 else "")
    ensure_token_key(settings)
    upgrade(settings)
    app = create_app(settings)
    with app.app_context():
        db.create_all()
        callers = prepare(app, settings)
        measure_credentials(app, callers)
        measure_allowances(app)
        measure_yardsticks(app, callers)


if __name__ == "__main__":
    main()
