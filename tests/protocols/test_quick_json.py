"""The fast reader agrees with the strict one: on what is accepted, and on every bit of what is accepted."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.algorithms.column_encoding import ColumnEncoder
from backend.algorithms.encoding import encode_rows
from backend.algorithms.signature import Column
from backend.errors import InvalidFields, Malformed
from backend.protocols import native, strict_json
from backend.protocols.quick_json import Irregular, parse_quick, parse_quick_table

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.integers(-(2**54), 2**54),
    st.sampled_from([0.0, -0.0, 2**53, 2**53 - 1, 2**63, 2**64, -(2**63) - 1, 1e300, 5e-324, 10**19, 10**310]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=20
)
# Numbers as no serializer of ours writes them.
SPELLINGS = st.sampled_from(
    [
        "0",
        "-0",
        "-0.0",
        "1E5",
        "1e-7",
        "1e400",
        "-1e400",
        "1e-400",
        "01",
        "1.",
        ".5",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "-",
        "1e",
        "9007199254740993",
        "9007199254740993.0",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "12345678901234567890e-5",
        "true",
        "null",
    ]
)


def _bits(value: Any) -> Any:
    """A value in which floats are told apart by their bits, and from whole numbers."""
    if isinstance(value, float):
        return ("float", struct.pack(">d", value))
    if isinstance(value, list):
        return [_bits(item) for item in value]
    if isinstance(value, dict):
        return {key: _bits(item) for key, item in value.items()}
    return (type(value), value)


def _strict(data: bytes) -> Any:
    """What the strict reader says, the fast one out of its way."""
    return strict_json._parse(data, strict_json._ROWS)


def _agree(data: bytes) -> None:
    try:
        quick = parse_quick(data)
    except Irregular:
        return
    assert _bits(_strict(data)) == _bits(quick)


@given(VALUES)
@example({"a": [10**19, 2**64]})
@settings(max_examples=400, deadline=None)
def test_whole_texts(value: Any) -> None:
    _agree(json.dumps(value).encode())
    _agree(json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE+-truefalsn \\ ', max_size=60).map(str.encode))
@settings(max_examples=1000, deadline=None)
def test_texts_that_are_hardly_json(data: bytes) -> None:
    _agree(data)


@given(
    st.lists(SPELLINGS, min_size=1, max_size=4), st.sampled_from(["[%s]", '{"features": [%s]}', '{"a": 1, "b": %s}'])
)
@settings(max_examples=400, deadline=None)
def test_numbers_in_odd_spellings(numbers: list[str], frame: str) -> None:
    _agree((frame % ", ".join(numbers)).encode())


@pytest.mark.parametrize(
    "text",
    [
        '{"features": [1], "features": [2]}', '{"features": {"a": 1, "a": 2}}', '{"a": {"b": 1, "b": 2}}', '[{"a": 1, "a": 1}]',
        '{"a": 1, "\\u0061": 2}', '{"features": [1, {"a": "x", "a": "y"}]}', '{"a": "b", "a": {"c": "d"}}', '["\\ud800"]',
        "[123456789012345678901234567890]", "[18446744073709551616]", "[-9223372036854775809]", "[NaN]", "\ufeff[1]", "[" * 100_000,
        "[" * 900 + "]" * 901, "[1, 2", "", '{"a" 1}', "[1e999]",
    ],
)  # fmt: skip
def test_what_might_mean_something_else_is_left_to_the_strict_reader(text: str) -> None:
    with pytest.raises(Irregular):
        parse_quick(text.encode())


def test_the_strict_reader_still_says_what_is_wrong() -> None:
    for text, said in (('{"a": 1, "a": 2}', "appears twice"), ("[1,", "not JSON"), ("[" * 100_000, "too deeply")):
        with pytest.raises(Malformed, match=said):
            strict_json.parse_rows(text.encode())
    assert strict_json.parse_rows(b"[NaN]") == [None]


COLUMNS = (Column("a", "number"), Column("b", "integer"), Column("c", "number", missing=True))
CELLS = st.one_of(
    NUMBERS, st.integers(-5, 5), st.none(), st.booleans(), st.text(max_size=2), st.lists(st.integers(0, 3), max_size=3)
)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3) | st.lists(CELLS, max_size=4), min_size=1, max_size=4)
PLAIN = st.lists(st.tuples(NUMBERS, st.integers(-5, 5), NUMBERS).map(list), min_size=1, max_size=4)


@given(ROWS | PLAIN, st.sampled_from(["features", "rows", "feat\\u0075res"]), st.sampled_from([None, 1]))
@settings(max_examples=1000, deadline=None)
def test_tables_of_numbers(rows: list[Any], key: str, indent: int | None) -> None:
    body = f'{{"{key}":{json.dumps(rows, indent=indent)}}}'.encode()
    try:
        table = ColumnEncoder(COLUMNS).encode_table(parse_quick_table(body, "features", 3))
    except (Irregular, InvalidFields):
        return
    question = native.parse(body, max_rows=100)
    assert question.many
    assert encode_rows(COLUMNS, question.rows).tobytes() == table.tobytes()


def test_plain_tables_are_read_fast() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 3)).tolist()
    body = json.dumps({"features": rows}).encode()
    table = native.parse_table(body + b" " * 4096, 3, max_rows=50)
    assert table is not None
    assert table.tobytes() == np.array(rows).tobytes()
    assert native.parse_table(body + b" " * 4096, 3, max_rows=49) is None
    assert native.parse_table(body + b" " * 4096, 4, max_rows=50) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"features":[[1,true,3]]}', b'{"features":[[1,null,3]]}', b'{"features":[[1,2]]}', b'{"features":[[1,2,[3]]]}', b'[[1,2,"features"]]',
        b'{"features":[1,2,3]}', b'{"features":[[1,2,9007199254740993]]}', b'{"features":[{"a":1}]}', b'{"features":[]}', b'{"features":[[]]}',
        b'{"features":[[1,2,3]],"features":[[1,2,3]]}', b'{"features":{}}', b'{"rows":[[1,2,3]]}', b'{"features":[[1,2,3],{}]}',
        b'{"features":[1,[2,3],[4,5,6]]}', b'{"features":[[1,2],[3,4,5,6]]}', b'{"features":[[1,2,3],[]]}', b'{"features":[[1,2,3],[4]]}',
        b'{"features":[[1,2,]]}',
        b'\xef\xbb\xbf{"features":[[1,2,3]]}', b'{"features":[[1,2,NaN]]}', b'{"features":[[1,2,1e999]]}', b'{"features":[[1,2,01]]}',
        b'{"features":[[1,2,99999999999999999999]]}',
        b'{"features":[[1,2 3,4]]}', b'{"features":[[1,,3]]}', b'{"features":[[1,2,3]]}x', b'{"features":[[1,2,3]],}',
        b'{"features[[,,],":[1]}', b'{"features":[[1,2,3]]',
    ],
)  # fmt: skip
def test_other_tables_are_left_to_the_strict_reader(body: bytes) -> None:
    with pytest.raises(Irregular):
        parse_quick_table(body, "features", 3)


def test_a_text_that_is_refused_does_not_slow_down_the_next() -> None:
    """The parser that a thread keeps is not in use by what an error still holds."""
    with pytest.raises(Irregular) as held:
        parse_quick_table(b'{"features":[[1,true,3]]}', "features", 3)
    first = parse_quick_table(b'{"features":[[1,2,3]]}', "features", 3)
    second = parse_quick_table(b'{"features":[[4,5,6]]}', "features", 3)
    assert (first.tolist(), second.tolist()) == ([[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]])
    assert held.value.__cause__ is not None
