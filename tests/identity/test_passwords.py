"""Passwords: rules, hashing, and the same answer for nobody."""

import threading

import pytest
from argon2 import PasswordHasher

from backend.errors import Invalid, InvalidCredentials, TooManyRequests
from backend.identity import passwords
from backend.identity.passwords import generate_password, hash_password, needs_new_hash, rehash, verify_hash


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


def test_a_hash_of_another_cost_is_to_be_made_anew() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("short")
    verify_hash(old, "short")
    assert needs_new_hash(old)
    assert not needs_new_hash(rehash("short"))
    verify_hash(rehash("short"), "short")


class _Counting:
    """Says how many verify at once, and holds them until it is told to go on."""

    def __init__(self) -> None:
        self.lock, self.go_on = threading.Lock(), threading.Event()
        self.present = self.most = 0

    def verify(self, *_: str) -> None:
        with self.lock:
            self.present += 1
            self.most = max(self.most, self.present)
        self.go_on.wait(30)
        with self.lock:
            self.present -= 1


def test_few_verify_at_once_some_wait_and_more_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = _Counting()
    monkeypatch.setattr(passwords, "_hasher", counting)
    monkeypatch.setattr(passwords, "_working", threading.BoundedSemaphore(2))
    monkeypatch.setattr(passwords, "_waiting", threading.BoundedSemaphore(5))
    ends: list[str] = []

    def verify() -> None:
        try:
            verify_hash("x", "y")
            ends.append("verified")
        except TooManyRequests as error:
            ends.append(f"sent away for {error.retry_after}")
            if len(ends) == 3:
                counting.go_on.set()

    threads = [threading.Thread(target=verify) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ends) == ["sent away for 1"] * 3 + ["verified"] * 5
    assert counting.most == 2
    verify_hash("x", "y")
