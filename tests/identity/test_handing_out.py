"""Copies of keys and certificates for programs in containers of their own: each gets what it needs, and stays in date."""

import stat
from pathlib import Path

import pytest

from backend.identity.authority import ensure_authority, ensure_server_certificate, ensure_token_key
from backend.identity.handing_out import NEEDED, hand_out
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
