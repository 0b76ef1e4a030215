"""The journal at the terminal."""

import csv
import io
import json

import pytest
from sqlalchemy import text

from backend.audit.tables import GUARDS
from backend.database import db

PASSWORD = "a long enough secret"


@pytest.fixture
def ada(terminal):
    assert terminal("user", "add", "ada", "--role", "admin", typed=f"{PASSWORD}\n").exit_code == 0
    assert terminal("user", "add", "bob", "--role", "expert", typed=f"{PASSWORD}\n").exit_code == 0
    assert terminal("user", "role", "bob", "manager").exit_code == 0
    return "ada"


def tamper(statement):
    with db.engine.begin() as connection:
        for guard in GUARDS["audit_events"]["sqlite"]:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {guard.split()[2]}"))
        connection.execute(text(statement))


def test_acts_of_the_operator_are_listed_the_newest_first(terminal, ada):
    events = terminal.json("audit", "list")
    assert [(event["event"], event["target"]) for event in events] == [
        ("user.changed", "user:bob"),
        ("user.created", "user:bob"),
        ("user.created", "user:ada"),
    ]
    assert all(event["actor"].startswith("cli:") for event in events)
    assert events[0]["details"] == {"role": "manager", "role_before": "expert"}
    lines = terminal("audit", "list").stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[-2:] == ["role=manager", "role_before=expert"]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--event", "user.created"], 2),
        (["--target", "user:bob"], 2),
        (["--event", "user.created", "--target", "user:bob"], 1),
        (["--actor", "nobody"], 0),
        (["--outcome", "refused"], 0),
        (["--since", "2020-01-01"], 3),
        (["--until", "2020-01-01T00:00:00"], 0),
        (["--limit", "1"], 1),
    ],
)
def test_filters(terminal, ada, words, count):
    assert len(terminal.json("audit", "list", *words)) == count


def test_wrong_filter_is_refused(terminal, ada):
    assert terminal("audit", "list", "--event", "nonsense").exit_code == 2
    assert terminal("audit", "list", "--since", "yesterday").exit_code == 2


def test_export_is_csv_to_the_screen_or_a_file(terminal, ada, tmp_path):
    shown = terminal("audit", "export", "--target", "user:bob").stdout
    assert [row["event"] for row in csv.DictReader(io.StringIO(shown))] == ["user.changed", "user.created"]
    path = tmp_path / "journal.csv"
    assert terminal("audit", "export", "--output", str(path)).exit_code == 0
    with path.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_whole_journal_is_said_to_be_whole_and_its_head_can_be_kept(terminal, ada):
    result = terminal("audit", "verify")
    assert result.exit_code == 0
    assert "whole: 3 events" in result.stdout
    head = result.stdout.strip().rpartition(" ")[2]
    assert terminal("audit", "verify", "--known", head).exit_code == 0
    assert terminal.json("audit", "verify") == {"events": 3, "ok": True, "first_broken": None}


def test_empty_journal_has_no_head_to_keep(terminal):
    assert terminal("audit", "verify").stdout == "The journal is whole: 0 events.\n"


def test_broken_journal_is_exit_code_1_and_the_position(terminal, ada):
    tamper("UPDATE audit_events SET actor = 'eve' WHERE position = 2")
    result = terminal("audit", "verify")
    assert (result.exit_code, result.stderr) == (1, "Error: The journal is broken at position 2 (it has 3 events).\n")
    told = terminal("audit", "verify", "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (1, {"events": 3, "ok": False, "first_broken": 2})


def test_journal_that_was_written_anew_is_found_by_a_head_that_was_kept(terminal, ada):
    result = terminal("audit", "verify", "--known", f"2:{'0' * 64}")
    assert result.exit_code == 1
    assert "position 2" in result.stderr


@pytest.mark.parametrize("known", ["2", "x:y", f"-1:{'0' * 64}", "2:abc"])
def test_head_in_another_form_is_refused(terminal, ada, known):
    assert terminal("audit", "verify", "--known", known).exit_code == 2


def test_reading_and_verifying_write_nothing(terminal, ada):
    for words in (("list",), ("verify",), ("export",)):
        terminal("audit", *words)
    assert len(terminal.json("audit", "list")) == 3


def test_home_that_was_never_set_up(unprepared):
    assert unprepared("audit", "verify").exit_code == 3
