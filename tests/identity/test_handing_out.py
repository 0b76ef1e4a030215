"""Copies of keys and certificates for programs in containers of their own: each gets what it needs, and stays in date."""

import stat
from pathlib import Path

import pytest

from backend.identity.authority import ensure_authority, ensure_server_certificate, ensure_token_key
from backend.identity.handing_out import NEEDED, PEOPLES_KEY, hand_out
from backend.registry.mlflow_token import ensure_service_token
from backend.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for program in NEEDED:
        (tmp_path / "handout" / program).mkdir(parents=True)
    return Settings(home=tmp_path / "home", handout=tmp_path / "handout")


def _given(settings: Settings, program: str) -> set[str]:
    assert settings.handout is not None
    folder = settings.handout / program
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_each_program_is_given_what_it_needs_and_no_more(settings: Settings) -> None:
    ensure_authority(settings)
    assert _given(settings, "worker") == set()  # not made yet
    ensure_token_key(settings)
    ensure_service_token(settings)
    hand_out(settings)
    for program, names in NEEDED.items():
        assert _given(settings, program) == set(names)
        for name in names:
            copy, own = settings.handout / program / name, settings.certs / name  # type: ignore[operator]
            assert copy.read_bytes() == own.read_bytes()
            assert stat.S_IMODE(copy.stat().st_mode) == stat.S_IMODE(own.stat().st_mode)
    assert not any("authority/" in name and "ca.pem" not in name for names in NEEDED.values() for name in names)


def test_who_only_verifies_is_given_no_key_that_signs(settings: Settings) -> None:
    ensure_authority(settings)
    ensure_token_key(settings)
    given = settings.handout / "mlflow" / PEOPLES_KEY  # type: ignore[operator]
    assert given.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
    ours = {"proxy": {"server.key"}, "web-app": {"server.key", "web-app.pem"}, "worker": set(), "mlflow": set()}
    for program, keys in ours.items():
        folder = settings.handout / program  # type: ignore[operator]
        holding = {path.name for path in folder.rglob("*.*") if b"PRIVATE KEY" in path.read_bytes()}
        assert holding == keys


def test_a_key_that_was_given_once_is_taken_back(settings: Settings) -> None:
    left, theirs = (settings.handout / "mlflow" / name for name in ("token-key.pem", "mlflow-auth.ini"))  # type: ignore[operator]
    left.write_bytes(ensure_token_key(settings).read_bytes())
    theirs.touch()
    hand_out(settings)
    assert (left.exists(), theirs.exists()) == (False, True)


def test_a_new_token_key_is_handed_out_at_once(settings: Settings) -> None:
    given = settings.handout / "mlflow" / PEOPLES_KEY  # type: ignore[operator]
    ensure_token_key(settings).unlink()
    before = given.read_bytes()
    ensure_token_key(settings)
    assert given.read_bytes() not in {b"", before}


def test_copies_follow_what_is_renewed_and_are_not_written_anew_without_need(settings: Settings) -> None:
    ensure_authority(settings)
    copy = settings.handout / "proxy" / "server.pem"  # type: ignore[operator]
    before = copy.stat().st_ino
    ensure_server_certificate(settings)
    assert copy.stat().st_ino == before
    named = settings.model_copy(update={"hostnames": "signet.example.org"})
    ensure_server_certificate(named)
    assert copy.stat().st_ino != before
    assert copy.read_bytes() == (settings.certs / "server.pem").read_bytes()


def test_programs_that_run_here_are_given_nothing(settings: Settings) -> None:
    (settings.handout / "worker").rmdir()  # type: ignore[operator]
    ensure_service_token(settings)
    hand_out(settings)
    assert not (settings.handout / "worker").exists()  # type: ignore[operator]
    ensure_authority(settings.model_copy(update={"handout": None}))
    assert _given(settings, "proxy") == set()
