"""Cases 55 to 68 of this issue and the one before: uploads, models, keys at rest, the journal, clocks, and what logs say."""

import bz2
import gzip
import io
import logging
import lzma
import pickle
import re
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from backend import logs
from backend.app import create_app
from backend.audit.verify import verify_chain
from backend.database import db, now
from backend.datasets.limits import MAX_WORKBOOK
from backend.errors import InvalidToken, TooManyRequests, UnsafeSettings
from backend.identity import bound_tokens, certificates
from backend.identity.allowances import MINUTE, Allowances
from backend.identity.authority import ensure_authority
from backend.identity.authority_files import open_issuers
from backend.identity.bound_tokens import verify_bound_token
from backend.identity.tables import Session
from backend.listener.wsgi import PROXIED
from backend.monitoring import state
from backend.monitoring.access_log import as_json, as_text
from backend.monitoring.clock import ClockWatch
from backend.monitoring.telling import Exchange
from backend.settings import REPOSITORY, Settings
from tests.api.conftest import LET_IN, Registered, Subscribed
from tests.certifying import signing_request
from tests.conftest import PASSWORD, Person
from tests.datasets.hostile_parquet import CRAFTED
from tests.trained import EXAMPLE

Admit = Callable[..., Subscribed]
CSV = b"a,b\n1,2\n3,4\n"


def upload(person: Person, content: bytes, filename: str) -> tuple[int, dict[str, object]]:
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n'
    body = head % filename.replace("\\", "\\\\").encode() + content + b"\r\n--cut--\r\n"
    answer = person.post("/v1/datasets", data=body, content_type="multipart/form-data; boundary=cut")
    return answer.status_code, answer.get_json()


def files_under(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


NAMES = [
    "../../x.csv",
    "/etc/cron.d/x.csv",
    "..\\..\\x.csv",
    "x\0.csv",
    "n" * 4096 + ".csv",
    "C:\\x.csv",
    "CON.csv",
    "",
    ".",
]


@pytest.mark.parametrize("filename", NAMES)
def test_a_name_that_is_a_path(expert: Person, settings: Settings, tmp_path: Path, filename: str) -> None:
    """55. An upload is stored under a name of ours, whatever its own says: nothing appears anywhere else."""
    before = files_under(settings.home)
    status, answer = upload(expert, CSV, filename)
    assert status in {201, 400, 422}, answer
    new = {name for name in files_under(settings.home) - before if not name.startswith("data/signet.db")}
    assert new == ({f"data/datasets/{answer['id']}.parquet"} if status == 201 else set())


def _bomb() -> bytes:
    """A workbook whose one sheet is half a gigabyte of blanks, packed."""
    packed, blanks = io.BytesIO(), b" " * 1024 * 1024
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(MAX_WORKBOOK // len(blanks) + 1):
                sheet.write(blanks)
    return packed.getvalue()


def test_a_bomb(expert: Person) -> None:
    """56. A small file that unpacks to more than memory holds: refused by what it says to hold, and a packed table as what it is."""
    bomb = _bomb()
    assert len(bomb) < 5_000_000
    status, answer = upload(expert, bomb, "sales.xlsx")
    assert (status, "unpacks to more than" in str(answer["detail"])) == (413, True)
    for packed in (gzip.compress, bz2.compress, lzma.compress, zlib.compress):
        status, answer = upload(expert, packed(b"a,b\n" + b"1,2\n" * 50_000), "sales.csv")
        assert (status, "unpack it first" in str(answer["detail"])) == (422, True), answer


def test_a_table_that_ends_who_reads_it(expert: Person, registered: Registered) -> None:
    """56. A file that overflows the stack of a library: its sender is told, the process that answers goes on."""
    crafted = CRAFTED["groups in groups without end"]()
    status, answer = upload(expert, crafted, "sales.parquet")
    assert (status, "could not be read as Parquet: it is damaged" in str(answer["detail"])) == (422, True), answer
    registered("bugs", "multiclass")
    path, media_type = "/endpoints/bugs/invocations", "application/vnd.apache.parquet"
    refused = expert.post(path, data=crafted, content_type=media_type)
    assert (refused.status_code, refused.get_json()["error_code"]) == (400, "BAD_REQUEST")
    assert "The Parquet body could not be read: it is damaged" in refused.get_json()["message"]
    assert expert.post("/v1/models/bugs/predict", json={"features": EXAMPLE}).status_code == 200


class Runs:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("filename", ["model.pkl", "data.csv", "data.parquet", "data.xlsx", "model.joblib"])
def test_a_pickle(expert: Person, tmp_path: Path, filename: str) -> None:
    """57. A pickle is a program: whatever its name says, it is not read as one."""
    trace = tmp_path / "it-ran"
    status, answer = upload(expert, pickle.dumps(Runs(trace)), filename)
    assert (status, "Python pickle" in str(answer["detail"])) == (422, True), answer
    assert not trace.exists()


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "signet.json": lambda content: content.replace(b'"ant"', b'"bat"'),  # still a model, which would answer
    "model.ubj": lambda content: content[:-1] + b"\0",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_model_that_was_changed(
    expert: Person, registered: Registered, settings: Settings, app: Flask, name: str
) -> None:
    """60. Bytes that differ from those registered are not loaded; the answer says so and no other model stands in."""
    row = registered("bugs", "multiclass")
    (folder,) = [path.parent for path in settings.data.rglob("signet.json")]
    before = (folder / name).read_bytes()
    (folder / name).write_bytes(CHANGES[name](before))
    assert (folder / name).read_bytes() != before
    fresh = create_app(settings)
    answer = fresh.test_client().post("/v1/models/bugs/predict", json={"features": EXAMPLE}, headers=expert.headers)
    assert answer.status_code == 503, answer.text
    assert str(settings.home) not in answer.text
    assert row.digest
    with fresh.app_context():
        db.engine.dispose()


@pytest.fixture
def made(manager: Person, settings: Settings) -> dict[str, str]:
    """The answer to a manager who has a key made for a service."""
    ensure_authority(settings)
    subscriber = manager.post("/v1/subscribers", json={"name": "billing", "models": ["iris"]}).get_json()["id"]
    answer: dict[str, str] = manager.post(
        f"/v1/subscribers/{subscriber}/certificates", json={"generate": True}
    ).get_json()
    return answer


def test_a_key_file_twice(manager: Person, admin: Person, http: FlaskClient, made: dict[str, str]) -> None:
    """61. One download, by the person who asked for it; a second is told to be late, a guess finds nothing."""
    assert http.get(made["download"]).status_code == 401
    assert admin.get(made["download"]).status_code == 404
    assert manager.get("/v1/key-files/" + "A" * 43).status_code == 404
    assert manager.get(made["download"]).status_code == 200
    assert manager.get(made["download"]).status_code == 410


def test_a_key_file_for_who_found_a_session_open(
    http: FlaskClient, manager: Person, made: dict[str, str], settings: Settings
) -> None:
    """61. Later than ten minutes after the sign-in the password is asked for again; a wrong one takes nothing away."""
    db.session.execute(update(Session).values(created_at=now() - timedelta(minutes=10, seconds=1)))
    db.session.commit()
    late = manager.get(made["download"])
    assert (late.status_code, late.get_json()["code"]) == (401, "proof-required")
    assert 'error="insufficient_user_authentication", max_age="600"' in late.headers["WWW-Authenticate"]
    # A token that was renewed is no newer sign-in.
    refresh = {"Authorization": f"Bearer {manager.tokens['refresh_token']}"}
    manager.tokens = http.post("/refresh", headers=refresh).get_json()
    assert manager.get(made["download"]).status_code == 401
    wrong = manager.post(made["download"], json={"password": PASSWORD + "!"})
    assert (wrong.status_code, wrong.get_json()["code"]) == (401, "invalid-credentials")
    for body in ({}, {"password": ""}, {"password": None}):
        assert manager.post(made["download"], json=body).status_code in {401, 422}
    assert manager.post(made["download"], json={"password": PASSWORD}).status_code == 200
    assert manager.post(made["download"], json={"password": PASSWORD}).status_code == 410


def test_a_key_file_by_guesses_from_an_open_session(manager: Person, made: dict[str, str]) -> None:
    """61. Who found a session open cannot try passwords for long."""
    guesses = [manager.post(made["download"], json={"password": f"guess {number} of many"}) for number in range(12)]
    assert [guess.status_code for guess in guesses].count(429) >= 1
    assert manager.post(made["download"], json={"password": PASSWORD}).status_code == 429


def test_how_a_key_file_is_sealed(manager: Person, made: dict[str, str], tmp_path: Path) -> None:
    """62. AES-256 under a generated password of 128 bits: no API to choose a weak one, none, or 3DES."""
    content = manager.get(made["download"]).data
    assert len(made["password"]) >= 22
    for wrong in (None, b"", b"password"):
        with pytest.raises(ValueError, match=r"(?i)password"):
            pkcs12.load_key_and_certificates(content, wrong)
    assert pkcs12.load_key_and_certificates(content, made["password"].encode())[0] is not None
    (tmp_path / "it.p12").write_bytes(content)
    command = ["openssl", "pkcs12", "-in", "it.p12", "-info", "-noout", "-passin", f"pass:{made['password']}"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    assert "AES-256-CBC" in said
    assert "RC2" not in said
    assert "3DES" not in said
    for extra in ({"password": "x"}, {"algorithm": "3des"}, {"encrypt": False}):
        path = f"/v1/subscribers/{manager.get('/v1/subscribers').get_json()['items'][0]['id']}/certificates"
        assert manager.post(path, json={"generate": True} | extra).status_code == 422


def _secret_files(settings: Settings) -> list[Path]:
    """Every file of the home that holds a private key or what opens one."""
    return [
        path
        for path in settings.certs.rglob("*")
        if path.is_file()
        and "public" not in path.name
        and (b"PRIVATE KEY" in path.read_bytes() or path.suffix in {".key", ".sealed"} or "key" in path.name)
    ]


def test_keys_that_others_can_read(app: Flask, settings: Settings, subscribed: Admit) -> None:
    """63. Each is its owner's alone from the first byte, and where one became readable to others nothing starts."""
    subscribed("billing", models=["iris"]).token()
    files = _secret_files(settings)
    assert len(files) >= 4
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {path.name: "0o600" for path in files}
    for path in (settings.certs / "key-encryption-key", settings.certs / "server.key"):
        path.chmod(0o640)
        with pytest.raises(UnsafeSettings, match=path.name):
            ensure_authority(settings)
        path.chmod(0o600)
    ensure_authority(settings)


def test_keys_in_git() -> None:
    """64. No private key is part of what is published."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False).stdout
    names = [REPOSITORY / name.decode() for name in listed.split(b"\0") if name]
    key = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{40}")
    assert len(names) > 100
    assert not [path for path in names if path.is_file() and key.search(path.read_bytes())]


def test_a_backup_without_the_key_that_opens_it(app: Flask, settings: Settings, subscribed: Admit) -> None:
    """64. Who finds the folder of the authority, but not the key-encryption key, has nothing that signs."""
    subscribed("billing", models=["iris"])
    for path in (settings.certs / "authority").rglob("*"):
        assert path.is_dir() or b"PRIVATE KEY" not in path.read_bytes(), path
    (settings.certs / "key-encryption-key").rename(settings.home / "elsewhere")
    with pytest.raises(UnsafeSettings):
        open_issuers(settings)
    (settings.certs / "key-encryption-key").write_text("A" * 43 + "=")
    (settings.certs / "key-encryption-key").chmod(0o600)
    with pytest.raises(Exception, match=r".") as refused:
        open_issuers(settings)
    assert "BEGIN" not in str(refused.value)


def test_secrets_in_logs(
    app: Flask,
    http: FlaskClient,
    manager: Person,
    settings: Settings,
    subscribed: Admit,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """65. What opens something is nowhere in the log, not even at its most talkative; nor in the answer to a fault."""
    caplog.set_level(logging.DEBUG)
    told: list[Exchange] = []
    app.extensions["signet"].teller.tell = told.append
    caller = subscribed("billing", models=["iris"])
    enrolment = manager.post(f"/v1/subscribers/{caller.id}/enrolment").get_json()["token"]
    made = manager.post(f"/v1/subscribers/{caller.id}/certificates", json={"generate": True}).get_json()
    link = made["download"].rpartition("/")[2]
    bound = caller.token()
    for _ in range(2):
        manager.get(made["download"])
    http.post("/v1/enrol", json={"token": enrolment, "csr": "no request"})
    http.post("/v1/enrol", json={"token": enrolment, "csr": signing_request().decode()})
    http.post("/login", json={"username": "manager", "password": PASSWORD + "!"})
    caller.call("GET", "/v1/subscribers", token=bound)
    http.post("/refresh", headers={"Authorization": f"Bearer {manager.tokens['refresh_token']}x"})
    db.session.execute(text("ALTER TABLE sign_in_failures RENAME TO gone"))
    db.session.commit()
    broken = http.post("/login", json={"username": "manager", "password": PASSWORD})
    assert broken.status_code == 503
    secrets = [PASSWORD, enrolment, made["password"], link, bound, *map(str, manager.tokens.values()), "PRIVATE KEY"]
    secrets = [each for each in secrets if len(each) > 6]
    said = caplog.text + "".join(form(each) for form in (as_text, as_json) for each in told)
    assert (len(told) > 5, "The database does not answer" in said) == (True, True)
    assert not [each for each in secrets if each in said or each in broken.text]
    assert "sign_in_failures" in said
    assert "sign_in_failures" not in broken.text
    assert "[parameters:" not in said
    assert str(settings.home) not in broken.text


def test_a_line_of_the_log_that_a_caller_wrote() -> None:
    """65. A line break in a path would let a caller write lines of the log, an escape would steer a terminal."""
    formatter = logs.OneLine(logs.FORMAT, logs.TIME)
    record = logging.LogRecord("signet", logging.INFO, "", 0, "GET %s", ("/a\n2026 ERROR forged\x1b[2J\u2028",), None)
    assert len(formatter.format(record).splitlines()) == 1
    assert "\x1b" not in formatter.format(record)
    error = ValueError("lost /a\n2026 ERROR forged\x1b[2J\u2028")
    record.exc_info = (ValueError, error, None)
    _, *more = formatter.format(record).splitlines()
    assert {line[:2] for line in more} == {"  "}
    assert "\x1b" not in "".join(more)


def test_the_process_logs_in_that_form() -> None:
    """65. The form is that of every process, which each takes over at its start."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.TALKATIVE}
    try:
        logs.configure_logging()
        assert [type(handler.formatter) for handler in root.handlers] == [logs.OneLine]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def test_where_a_fault_lies(manager: Person, settings: Settings) -> None:
    """65. A key that is missing is the operator's business: the caller learns neither its name nor its place."""
    subscriber = manager.post("/v1/subscribers", json={"name": "billing", "models": ["iris"]}).get_json()["id"]
    answer = manager.post(f"/v1/subscribers/{subscriber}/certificates", json={"generate": True})
    assert answer.status_code == 500
    assert str(settings.home) not in answer.text
    assert "key-encryption-key" not in answer.text


EDITS = [
    ("UPDATE audit_events SET actor = 'nobody' WHERE position = 3", 3),
    ("DELETE FROM audit_events WHERE position = 2", 2),
    ("DELETE FROM audit_events WHERE position = (SELECT max(position) FROM audit_events)", None),
    ("UPDATE audit_events SET outcome = 'done' WHERE position = (SELECT max(position) FROM audit_events)", None),
]


@pytest.mark.parametrize(("edit", "position"), EDITS)
def test_a_journal_that_was_edited(manager: Person, app: Flask, edit: str, position: int | None) -> None:
    """66. Whoever can write to the database can change an event and even drop its guards: the position is told."""
    for number in range(3):
        manager.post("/v1/subscribers", json={"name": f"service-{number}", "models": ["iris"]})
    manager.get("/v1/users")
    assert manager.get("/v1/audit/verify").get_json()["ok"]
    with db.engine.begin() as connection:
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        last = connection.execute(text("SELECT max(position) FROM audit_events")).scalar_one()
        connection.execute(text(edit))
    verdict = manager.get("/v1/audit/verify").get_json()
    assert (verdict["ok"], verdict["first_broken"]) == (False, position or last)
    assert not verify_chain().ok


def test_a_clock_that_was_put_back(
    app: Flask, subscribed: Admit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """67. What has ended does not come back beyond what clocks may differ, and a window's units are not given twice."""
    caller = subscribed("billing", models=["iris"], rate_per_minute=3)
    gate = app.extensions["signet.gate"]
    clock = {"now": 1_000_000_020.0}
    gate.allowances._clock = lambda: clock["now"]
    token = caller.token()
    assert [caller.predict("iris").status_code for _ in range(3)] == [LET_IN, LET_IN, 429]
    clock["now"] -= 3600
    assert caller.predict("iris").status_code == 429
    behind = Allowances(db.engine, lambda: clock["now"])  # another process, whose clock never was right
    with pytest.raises(TooManyRequests):
        behind.spend(caller.id, MINUTE, 3)
    moment = now()
    monkeypatch.setattr(bound_tokens, "now", lambda: moment + timedelta(seconds=300 + 30))
    with pytest.raises(InvalidToken):
        verify_bound_token(gate.keys, settings.issuer, token)
    monkeypatch.setattr(certificates, "now", lambda: caller.issued.row.not_before - timedelta(seconds=1))
    gate.subscribers.forget()
    assert caller.call("GET", "/v1/models").status_code == 401


CLOSED = [
    "/metrics",
    "/debug",
    "/console",
    "/v1/audit",
    "/v1/users",
    "/v1/certificates",
    "/admin",
    "/.git/config",
    "/static/x",
    "/static/etc/passwd",
    "/certs/ca.pem",
    "/data/signet.db",
]


@pytest.mark.parametrize("path", CLOSED)
def test_doors_of_operators(http: FlaskClient, path: str) -> None:
    """68. What tells of the inside is told to nobody who did not sign in."""
    far = {"REMOTE_ADDR": "203.0.113.9"}
    assert http.get(path, environ_overrides=far).status_code in {401, 403, 404}
    forwarded = {"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1"}
    assert http.get(path, headers=forwarded, environ_overrides=far).status_code in {
        401,
        403,
        404,
    }


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_metrics_are_not_opened_by_a_word(http: FlaskClient, name: str) -> None:
    """68. `/metrics` is for this machine, an administrator or the token; through a proxy nobody is on this machine."""
    proxied = {PROXIED: True, "REMOTE_ADDR": "127.0.0.1"}
    for claim in ("127.0.0.1", "::1", "for=127.0.0.1", "localhost"):
        assert http.get("/metrics", headers={name: claim}).status_code == 401
        assert http.get("/metrics", headers={name: claim}, environ_overrides=proxied).status_code == 401
    assert http.get("/metrics", environ_overrides=proxied).status_code == 401
    assert http.get("/metrics").status_code == 200


def test_metrics_hold_no_secret(http: FlaskClient, settings: Settings, admin: Person) -> None:
    """68. What the collector stores must be harmless where it leaks."""
    text = http.get("/metrics").text
    for secret in (
        admin.tokens["access_token"],
        (settings.certs / "metrics-token").read_text().strip(),
        str(settings.home),
    ):
        assert secret not in text


def test_a_clock_that_is_set_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """67. A wrong clock makes tokens and certificates live longer: somebody must hear of it."""
    wall = {"now": 1_800_000_000.0}
    watch = ClockWatch(lambda: wall["now"], lambda: 0.0)
    wall["now"] -= 7200
    watch.check()
    assert "clock was moved" in caplog.text


def test_a_clock_that_was_put_back_while_nothing_ran_is_told(
    http: FlaskClient, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """67. The journal knows a later moment than this one."""
    monkeypatch.setattr(state, "now", lambda: now() - timedelta(hours=2))
    told = next(
        line for line in http.get("/metrics").text.splitlines() if line.startswith("signet_clock_behind_seconds")
    )
    assert 7000 < float(told.split()[1]) <= 7200


def test_no_debugger(app: Flask) -> None:
    """68. Flask's debugger runs what a caller types."""
    assert not app.debug
    assert not app.testing
