"""The command line as a whole: quick to answer, readable, and plain about what went wrong."""

import subprocess
import sys
import time

import pytest

from backend.__main__ import COMMANDS, program
from backend.cli.context import Context
from backend.cli.failure import EXIT_CODES
from backend.errors import SignetError, UnsafeSettings
from backend.settings import REPOSITORY
from tests.cli.conftest import Terminal

HEAVY = ("flask", "sqlalchemy", "pydantic", "xgboost", "sklearn", "pandas", "pyarrow", "mlflow", "cryptography")


def test_help_lists_every_command_that_people_give(unprepared):
    shown = unprepared("--help").stdout
    for name, command in COMMANDS.items():
        assert (f"\n  {name} " in shown) is not command.hidden
        assert command.hidden or command.help in shown


def test_help_answers_at_once():
    script = f"import sys, backend.__main__ as m; print([n for n in {HEAVY} if n in sys.modules])"
    listed = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "[]"
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "backend", "--help"], cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)
    assert time.monotonic() - began < 3  # 0.06 s; the bound leaves room for a busy machine


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_can_be_imported_and_explains_itself(unprepared, name):
    result = unprepared(name, "--help")
    assert result.exit_code == 0
    assert f"Usage: python -m backend {name}" in result.stdout or f"Usage: program {name}" in result.stdout


def test_mistyped_command_is_told_without_importing_any(unprepared):
    result = unprepared("tarin")
    assert result.exit_code == 2
    assert "no command 'tarin'" in result.stderr


def test_refusal_is_one_line_and_an_exit_code(unprepared):
    result = unprepared("user", "list")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: ")
    assert "was never set up. Run `make run`" in result.stderr
    assert result.stderr.count("\n") == 1


def test_wrong_setting_is_bad_input():
    def refuse():
        raise UnsafeSettings("SIGNET_PORT: no port")

    result = Terminal(refuse)("user", "list")
    assert (result.exit_code, result.stderr) == (2, "Error: SIGNET_PORT: no port\n")


def test_every_exit_code_is_of_a_kind_of_ours():
    assert all(issubclass(kind, SignetError) for kind in EXIT_CODES)
    assert set(EXIT_CODES.values()) == {2, 3}


def test_unexpected_errors_are_not_hidden(settings):
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Terminal(broken)("user", "list")


def test_actor_is_the_account_of_the_machine(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert Context(lambda: None, lambda _: None).actor == "cli:ada"


def test_an_account_without_a_name_acts_by_its_number(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert Context(lambda: None, lambda _: None).actor == "cli:4000000000"


def test_program_is_known_by_how_it_is_called():
    shown = subprocess.run(
        [sys.executable, "-m", "backend", "user", "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert "Usage: python -m backend user" in shown.stdout
    assert program.name == "program"
