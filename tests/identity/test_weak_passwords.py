"""Passwords that are guessed first are refused, however they are dressed; others are not."""

import pytest

from backend.errors import Invalid
from backend.identity.passwords import generate_password, hash_password
from backend.identity.weak_passwords import verify_uncommon


@pytest.mark.parametrize(
    "password",
    [
        "leavemealone", "1qaz2wsx3edc", "q1w2e3r4t5y6",                      # as they stand in the list
        "password1234", "Password123!", "P@ssw0rd1234", "!!!justinbieber99",  # dressed up
        "basketball12", "Fußball-2024!", "Summer2024!!!",                    # one word
        "letmeinletmein", "trustno1trustno1", "passwordpassword", "abcdefghabcdefgh",  # repeated
        "abcdefghijklm", "zyxwvutsrqponm", "1234567890ab", "asdfghjkl;'12", "qwertzuiopü12", "azertyuiop123",  # in sequence
    ],
)  # fmt: skip
def test_what_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="guessed first"):
        verify_uncommon(password)
    with pytest.raises(Invalid, match="guessed first"):
        hash_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple", "a long enough secret", "correcthorse", "monkey 4827 dog", "8372610495827",
        "x7#Qp!9monkeyz", "Im Frühtau zu Berge", "日本語のパスワードです。長い",
    ],
)  # fmt: skip
def test_what_is_not_is_taken(password: str) -> None:
    verify_uncommon(password)


def test_a_repetition_of_something_long_and_rare_is_taken() -> None:
    verify_uncommon("tr7-hugoL,qtr7-hugoL,q")


def test_the_username_is_no_password() -> None:
    for password in ("marguerite.duval", "Marguerite.Duval2026", "!marguerite.duval!"):
        with pytest.raises(Invalid, match="username"):
            verify_uncommon(password, "marguerite.duval")
    verify_uncommon("marguerite.duval is not all", "marguerite.duval")
    verify_uncommon("bo or not to bo", "bo")


def test_what_the_platform_makes_itself_is_taken() -> None:
    for _ in range(1000):
        verify_uncommon(generate_password(), "admin")
