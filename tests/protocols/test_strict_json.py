"""JSON that is read as it stands, or refused with a reason."""

import json
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Malformed
from backend.protocols.strict_json import parse_json, parse_rows

REFUSED = {
    "empty": (b"", "not JSON"),
    "cut off": (b'{"a": [1', "not JSON"),
    "two values": (b"1 2", "not JSON"),
    "single quotes": (b"{'a': 1}", "not JSON"),
    "trailing comma": (b"[1,]", "not JSON"),
    "leading zero": (b"[01]", "not JSON"),
    "plus": (b"[+1]", "not JSON"),
    "hexadecimal": (b"[0x1]", "not JSON"),
    "comment": (b"[1] // one", "not JSON"),
    "a tab in text": (b'["a\tb"]', "not JSON"),
    "duplicate key": (b'{"a": 1, "b": 2, "a": 3}', "'a' appears twice"),
    "duplicate key inside": (b'[{"x": {"k": 1, "k": 1}}]', "'k' appears twice"),
    "duplicate key by escape": (b'{"a": 1, "\\u0061": 2}', "'a' appears twice"),
    "duplicate key of half a pair": (b'{"\\ud800": 1, "\\ud800": 2}', "appears twice"),
    "Infinity": (b"[Infinity]", "Infinity is not"),
    "-Infinity": (b"[-Infinity]", "-Infinity is not"),
    "Latin-1": ('{"a": "\u00e9"}'.encode("latin-1"), "not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-le"), "not JSON"),
    "UTF-32": ('{"a": 1}'.encode("utf-32"), "not UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf[1]", "byte order mark"),
    "surrogate in UTF-8": (b'["\xed\xa0\x80"]', "not UTF-8"),
    "lone surrogate": (b'["\\ud800"]', "surrogate"),
    "lone surrogate as key": (b'{"\\udc00x": 1}', "surrogate"),
    "surrogates in the wrong order": (b'["\\udc00\\ud800"]', "surrogate"),
    "bomb of lists": (b"[" * 200_000, "nested too deeply"),
    "bomb of objects": (b'{"a":' * 200_000, "nested too deeply"),
    "closed bomb": (b"[" * 50_000 + b"]" * 50_000, "nested too deeply"),
    "a number of 5000 digits": (b"[" + b"9" * 5000 + b"]", "digits"),
}


@pytest.mark.parametrize("parse", [parse_json, parse_rows])
@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_plain_json_is_refused_with_a_reason(parse: Any, body: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason) as refusal:
        parse(body)
    refusal.value.detail.encode("utf-8")
    assert len(refusal.value.detail) < 300


@pytest.mark.parametrize("body", [b"[NaN]", b"[1e400]", b"[-1e999]", b"[" + b"9" * 401 + b"]"])
def test_where_nobody_examines_the_values_numbers_are_finite(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_json(body)


def test_rows_take_a_bare_nan_as_missing_and_leave_numbers_to_the_encoder() -> None:
    assert parse_rows(b'{"features": [NaN, null, 1.5]}') == {"features": [None, None, 1.5]}
    assert parse_rows(b"[1e400]") == [float("inf")]


@pytest.mark.parametrize("parse", [parse_json, parse_rows])
def test_values_keep_their_type(parse: Any) -> None:
    value = parse(b'[1, 1.0, -0.0, true, "1", null, 9007199254740993, "\\ud83d\\ude00"]')
    assert [type(item) for item in value] == [int, float, float, bool, str, type(None), int, str]
    assert value[6] == 9007199254740993
    assert value[7] == "\U0001f600"


# A body may hold U+0000 where it is a row, and is refused with it elsewhere.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts,
        lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
        max_leaves=20,
    )
)
def test_every_value_that_json_can_write_comes_back(value: Any) -> None:
    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert parse_json(body) == value
        assert parse_rows(body) == value


def test_a_bomb_is_refused_in_a_thread_with_a_small_stack() -> None:
    caught: list[BaseException] = []

    def parse() -> None:
        for body in (b"[" * 1_000_000, b'{"a":' * 300_000, b'["\\u0041",' * 900 + b"1" + b"]" * 900):
            try:
                parse_rows(body)
            except Malformed as error:
                caught.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=parse)
        thread.start()
        thread.join(30)
    finally:
        threading.stack_size(before)
    assert not thread.is_alive()
    assert len(caught) >= 2
    assert sys.getrecursionlimit() > 100


def test_a_duplicate_at_the_end_of_a_huge_object_is_found_quickly() -> None:
    body = ("{" + ",".join(f'"k{number}":1' for number in range(100_000)) + ',"k99999":2}').encode()
    begun = time.perf_counter()
    with pytest.raises(Malformed, match="'k99999' appears twice"):
        parse_rows(body)
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("text", [rb'"\u0000"', rb'{"a\u0000b": 1}', rb'["\\\u0000"]'])
def test_the_character_that_databases_cannot_keep_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed, match=r"U\+0000"):
        parse_json(text)


def test_a_backslash_before_digits_is_no_escape() -> None:
    assert parse_json(rb'"\\u0000"') == "\\u0000"
