"""An act and its event are kept together; a refusal is kept whatever happens; nothing waits for itself."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from backend.audit import journal
from backend.audit.chain import HeadMissing
from backend.audit.events import Event
from backend.audit.tables import AuditHead
from backend.audit.verify import verify_chain
from backend.database import db
from backend.errors import NotAllowed
from backend.identity.tables import User
from backend.settings import REPOSITORY
from tests.audit.conftest import Attack, events, told

CREATED, REFUSED = Event.USER_CREATED, Event.REQUEST_REFUSED


def _user(name: str) -> User:
    user = User(username=name, password_hash="x", role="expert")
    db.session.add(user)
    return user


def test_an_act_is_kept_with_its_transaction(storage: Flask) -> None:
    _user("bob")
    journal.record(CREATED, actor="ada", target="user:bob", details={"role": "expert"})
    assert told() == []  # which rolled both back
    _user("bob")
    journal.record(CREATED, actor="ada", target="user:bob", details={"role": "expert"})
    db.session.commit()
    (event,) = events()
    assert (event.position, event.event, event.actor, event.facts) == (1, "user.created", "ada", {"role": "expert"})


def test_an_act_that_is_rolled_back_is_not_told_by_the_next_commit(storage: Flask) -> None:
    journal.record(CREATED, actor="ada", target="user:bob")
    db.session.rollback()
    journal.record(CREATED, actor="ada", target="user:eve")
    db.session.remove()
    _user("zoe")
    db.session.commit()
    assert told() == []


def test_an_act_whose_rows_are_refused_leaves_nothing(storage: Flask) -> None:
    _user("bob")
    db.session.commit()
    journal.record(CREATED, actor="ada", target="user:bob")
    _user("bob")
    with pytest.raises(Exception, match=r"(?i)unique"):
        db.session.commit()
    assert told() == []


def test_an_act_without_rows_of_its_own_is_kept(storage: Flask) -> None:
    journal.record(Event.MODEL_PROMOTED, actor="ada", target="model:iris")
    db.session.commit()
    assert told() == [("model.promoted", "model:iris", "done")]


def test_a_refusal_survives_the_rollback_and_waits_for_no_lock_of_its_own_caller(storage: Flask) -> None:
    _user("bob")
    db.session.flush()  # on SQLite this session is now the one that may write
    begun = time.monotonic()
    journal.record(REFUSED, actor="eve", target="GET /v1/users", outcome="refused")
    db.session.rollback()
    assert told() == [("request.refused", "GET /v1/users", "refused")]
    assert time.monotonic() - begun < 5


def test_a_refusal_is_kept_by_a_commit_too_after_the_acts(storage: Flask) -> None:
    journal.record(REFUSED, actor="eve", target="a", outcome="failed")
    _user("bob")
    journal.record(REFUSED, actor="eve", target="b", outcome="failed")
    journal.record(CREATED, actor="ada", target="user:bob")
    db.session.commit()
    assert told() == [
        ("request.refused", "a", "failed"),
        ("user.created", "user:bob", "done"),
        ("request.refused", "b", "failed"),
    ]


def test_a_refusal_is_kept_where_the_session_ends_without_a_word(storage: Flask) -> None:
    _user("bob")
    db.session.flush()
    journal.record(REFUSED, actor="eve", outcome="refused")
    db.session.remove()
    assert len(events()) == 1


def test_every_root_writes_alike(storage: Flask) -> None:

    def refused() -> None:
        with storage.app_context():
            _user("bob")
            db.session.flush()
            journal.record(REFUSED, actor="cli:root", target="user:bob", outcome="refused")
            raise NotAllowed("")

    with pytest.raises(NotAllowed):
        refused()
    assert told() == [("request.refused", "user:bob", "refused")]


def test_the_request_is_told_where_one_is_under_way(storage: Flask) -> None:
    journal.enter(address="192.0.2.7", request_id="r-1")
    assert not journal.is_refusal_told()
    journal.record(REFUSED, actor="eve", outcome="refused")
    journal.record(CREATED, actor="ada", address="192.0.2.8", request_id="r-2")
    assert journal.is_refusal_told()
    journal.leave()
    journal.record(CREATED, actor="cli:root")
    db.session.commit()
    assert [(e.address, e.request_id) for e in events()] == [("192.0.2.7", "r-1"), ("192.0.2.8", "r-2"), ("", "")]
    assert not journal.is_refusal_told()


def test_without_a_head_nothing_is_done_but_a_refusal_stands(
    storage: Flask, attack: Attack, caplog: pytest.LogCaptureFixture
) -> None:
    attack.delete("id = 1", "audit_head")
    _user("bob")
    journal.record(CREATED, actor="ada", target="user:bob")
    with pytest.raises(HeadMissing):
        db.session.commit()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(User)) == 0
    journal.record(REFUSED, actor="eve", target="GET /", outcome="refused")
    db.session.rollback()
    assert "journal could not be written" in caplog.text


def test_repeated_refusals_are_two_events(storage: Flask) -> None:
    for _ in range(50):
        journal.record(REFUSED, actor="eve", target="GET /", outcome="refused")
    journal.settle()
    assert len(events()) == 1
    journal.settle(ended=True)
    first, others = events()
    assert (first.facts, others.facts) == ({}, {"repeated": 49})
    journal.settle(ended=True)
    assert len(events()) == 2


def test_the_database_itself_refuses_to_forget(storage: Flask, journal_of) -> None:
    journal_of(3)
    for statement in (
        "UPDATE audit_events SET actor = 'eve' WHERE position = 2",
        "DELETE FROM audit_events WHERE position = 2",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head (id, position, hash) VALUES (2, 0, '')",
    ):
        with pytest.raises(Exception, match=r"append-only|ck_audit_head_one"), db.engine.begin() as connection:
            connection.execute(text(statement))
    assert verify_chain().ok


def test_threads_that_write_at_once_make_one_chain(storage: Flask) -> None:
    faults: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            with storage.app_context():
                for number in range(25):
                    _user(f"{worker}-{number}")
                    journal.record(CREATED, actor=str(worker), target=f"user:{worker}-{number}")
                    if number % 5 == 4:
                        journal.record(REFUSED, actor=str(worker), target=str(number), outcome="refused")
                    db.session.commit()
        except BaseException as fault:  # whatever it was, the test must see it
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    verdict = verify_chain()
    assert (verdict.ok, verdict.events) == (True, 4 * 30)
    assert db.session.scalar(select(AuditHead.position)) == 4 * 30


WRITERS = """
import os, sys
from backend.storage import create_storage
from backend.audit import journal
from backend.audit.events import Event
from backend.database import db
from backend.identity.tables import User
from backend.settings import Settings

url, processes, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
children = []
for worker in range(processes):
    child = os.fork()
    if child == 0:
        app = create_storage(Settings(database_url=url))
        with app.app_context():
            for number in range(count):
                name = f"{os.getpid()}-{number}"
                db.session.add(User(username=name, password_hash="x", role="expert"))
                journal.record(Event.USER_CREATED, actor="ada", target=f"user:{name}")
                db.session.commit()
        os._exit(0)
    children.append(child)
print(*children, flush=True)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def _writers(storage: Flask, processes: int, count: int) -> "subprocess.Popen[str]":
    url = db.engine.url.render_as_string(hide_password=False)
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    words = [sys.executable, "-c", WRITERS, url, str(processes), str(count)]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)


def _acts_and_events() -> tuple[set[str], set[str]]:
    db.session.rollback()
    acts = {f"user:{name}" for name in db.session.scalars(select(User.username))}
    return acts, {event.target for event in events()}


def test_processes_that_write_at_once_and_are_killed_leave_one_chain_and_no_act_without_its_event(
    storage: Flask,
) -> None:
    with _writers(storage, 3, 100_000) as writers:
        assert writers.stdout is not None
        children = [int(child) for child in writers.stdout.readline().split()]
        deadline = time.monotonic() + 60
        for child in children:
            wanted = len(events()) + 5 + child % 20
            while len(events()) < wanted and time.monotonic() < deadline:
                pass
            os.kill(child, signal.SIGKILL)
        assert writers.wait(timeout=60) == 1
    acts, told_of = _acts_and_events()
    assert len(acts) >= 5
    assert acts == told_of
    verdict = verify_chain()
    assert (verdict.ok, verdict.events) == (True, len(acts))
    journal.record(CREATED, actor="ada")
    db.session.commit()
    assert verify_chain().ok
