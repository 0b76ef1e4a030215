"""Passwords: rules, hashing, and the same answer for nobody."""

import pytest

from backend.errors import Invalid, InvalidCredentials
from backend.identity.passwords import generate_password, hash_password, verify_hash


def test_a_password_fits_its_own_hash_only() -> None:
    hashed = hash_password("correct horse battery")
    verify_hash(hashed, "correct horse battery")
    with pytest.raises(InvalidCredentials):
        verify_hash(hashed, "correct horse batterY")


def test_the_hash_is_argon2id_with_the_published_cost() -> None:
    assert hash_password("correct horse battery").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_characters_typed_on_two_keyboards_are_the_same_password() -> None:
    verify_hash(hash_password("caf\u00e9 au lait, s'il"), "cafe\u0301 au lait, s'il")


def test_nobody_has_no_password() -> None:
    with pytest.raises(InvalidCredentials):
        verify_hash(None, "anything at all")


def test_a_broken_hash_lets_nobody_in() -> None:
    with pytest.raises(InvalidCredentials):
        verify_hash("not a hash", "anything at all")


@pytest.mark.parametrize("password", ["x" * 11, "short", "", "abc" * 43, "abababababab"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Invalid):
        hash_password(password)


def test_blanks_around_a_password_belong_to_it() -> None:
    hashed = hash_password(" correct horse battery ")
    verify_hash(hashed, " correct horse battery ")
    with pytest.raises(InvalidCredentials):
        verify_hash(hashed, "correct horse battery")


def test_a_generated_password_is_long_and_new() -> None:
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(len(password) >= 20 for password in passwords)
