"""Bodies that were right, and of which a few bytes are not any more: each is answered whole or refused in words."""

import json
import random
import struct
from collections.abc import Iterator

import pytest

from backend.errors import Malformed, SignetError
from backend.protocols import open_inference
from backend.protocols.csv_rows import parse_csv
from backend.protocols.open_inference import Question

TIMES = 400
CSV = b'size,count,colour,open\n5.1,3,"red, or so",true\n0.5,,blue,false\n1e-3,7,"say ""so""",True\n'
KINDS = {"size": "number", "count": "integer", "colour": "category", "open": "boolean"}
BYTES = b",\n\r\"'\0 \xff\xef\xbb\xbf09-.eE+NaNtruefalse{}[]:"
NUMBERS = ("-1", "0", "00", "1", "2", "7", "1.5", "1e3", "4294967296", "9" * 15, "9" * 40, "", "0x1", "+1", "\u0663")


def mutations(whole: bytes, chance: random.Random) -> Iterator[bytes]:
    """The body with some bytes changed, doubled, moved, or cut away."""
    for _ in range(TIMES):
        body = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at, to = sorted(chance.randrange(len(body) + 1) for _ in range(2))
            match chance.randrange(5):
                case 0:
                    body[at : at + 1] = bytes([chance.choice(BYTES)])
                case 1:
                    body[at:at] = body[at:to]
                case 2:
                    del body[at : min(to, at + 4)]
                case 3:
                    body[at:at] = bytes([chance.choice(BYTES)])
                case _:
                    del body[to:]
        yield bytes(body)


@pytest.mark.parametrize("seed", range(3))
def test_csv(seed: int) -> None:
    answered = 0
    for body in mutations(CSV, random.Random(seed)):  # noqa: S311
        try:
            columns = parse_csv(body, KINDS, max_rows=20)
        except SignetError as refused:
            assert len(refused.detail) < 600  # noqa: PT017 - to be answered is as good
            continue
        answered += 1
        assert len({len(column) for column in columns.values()}) == 1
        assert 1 <= len(next(iter(columns.values()))) <= 20
        assert body.count(b",") + 1 >= len(columns)
    assert answered


def _binary() -> tuple[bytes, int]:
    """A JSON that announces numbers, texts and truth values, and the length of it before their bytes."""
    parts = {
        "size": ("FP64", struct.pack("<3d", 5.1, 0.5, 1e-3)),
        "colour": ("BYTES", b"".join(struct.pack("<I", len(word)) + word for word in (b"red", b"", b"b\xc3\xbc"))),
        "open": ("BOOL", b"\1\0\1"),
    }
    inputs = [
        {"name": name, "datatype": datatype, "shape": [3], "parameters": {"binary_data_size": len(raw)}}
        for name, (datatype, raw) in parts.items()
    ]
    text = json.dumps({"id": "7", "inputs": inputs}).encode()
    return text + b"".join(raw for _, raw in parts.values()), len(text)


def _whole(question: Question) -> bool:
    return all(
        len(tensor.values) == tensor.shape[0] * (tensor.shape[1] if tensor.shape[1:] else 1)
        for tensor in question.inputs
    )


@pytest.mark.parametrize("seed", range(3))
def test_binary_tensors(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    whole, length = _binary()
    assert _whole(open_inference.parse(whole, str(length), max_rows=20))
    for body in mutations(whole, chance):
        # Mostly where the JSON ends, so that what follows it is looked at.
        header = chance.choice((str(length), str(length), str(length + len(body) - len(whole)), *NUMBERS))
        try:
            question = open_inference.parse(body, header, max_rows=20)
        except SignetError as refused:
            assert len(refused.detail) < 600  # noqa: PT017 - to be answered is as good
            continue
        assert _whole(question)


def test_the_bytes_of_texts_are_looked_at_one_by_one() -> None:
    """Each byte of the raw part as each value: a length of an element that lies is never followed."""
    whole, length = _binary()
    for place in range(length, len(whole)):
        for value in (0, 1, 2, 0x7F, 0x80, 0xFF):
            body = whole[:place] + bytes([value]) + whole[place + 1 :]
            try:
                assert _whole(open_inference.parse(body, str(length), max_rows=20))
            except Malformed:
                continue


@pytest.mark.parametrize("header", NUMBERS)
def test_the_header_is_a_number_of_bytes_or_refused(header: str) -> None:
    whole, _ = _binary()
    with pytest.raises(Malformed):
        open_inference.parse(whole, header, max_rows=20)
