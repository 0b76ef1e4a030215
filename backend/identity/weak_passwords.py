"""Passwords that are guessed first: a new password comes in, and is refused where it is one of them, dressed up or not."""

import re
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path

from backend.errors import Invalid

_FILE = Path(__file__).with_name("common-passwords.txt")
_COMMON = "This password is one of those that are guessed first. Choose another, such as some words that have nothing in common."

# What people write for a letter, undone; and what they put around a word, which adds little: `password1234!`.
_LEET = str.maketrans("013457@$!|", "oleastasil")
_AROUND = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_MOST_AROUND = 8
_SHORTEST_WORD = 12
_SHORTEST_PART = 8
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm")
_MOST_STEPS = 0.7


def verify_uncommon(password: str, username: str = "") -> None:
    """Invalid where the password is common, one word or the username with little around it, a repetition, or a sequence."""
    text = unicodedata.normalize("NFKC", password).casefold()
    for form in {text, text.translate(_LEET)}:
        unit = _unit(form)
        if form in _known() or _is_dressed(form) or (unit != form and _is_weak_unit(unit)) or _is_sequence(form):
            raise Invalid(_COMMON)
    name = username.casefold()
    if len(name) >= 4 and len(text.replace(name, "")) <= _MOST_AROUND and name in text:
        raise Invalid("A password holds more than the username and a few characters around it.")


@cache
def _known() -> frozenset[str]:
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _is_dressed(form: str) -> bool:
    word = _AROUND.sub("", form)
    is_one_word = word.isalpha() and len(word) < _SHORTEST_WORD
    return is_one_word or (len(form) - len(word) <= _MOST_AROUND and word in _known())


def _is_weak_unit(unit: str) -> bool:
    return len(unit) < _SHORTEST_PART or unit in _known() or _is_dressed(unit)


def _unit(form: str) -> str:
    """The part whose repetition the text is; the text itself where it repeats nothing."""
    return form[: (form + form).find(form, 1)]


def _is_sequence(form: str) -> bool:
    """Most characters follow the one before in the alphabet, in counting or on the keyboard, forwards or backwards."""
    steps = sum(abs(ord(b) - ord(a)) <= 1 or _are_neighbours(a, b) for a, b in pairwise(form))
    return steps >= _MOST_STEPS * (len(form) - 1)


def _are_neighbours(a: str, b: str) -> bool:
    return any(a + b in row or b + a in row for row in _ROWS)
