"""Parquet files made to cost more than they weigh: their metadata is written here byte by byte, and lies."""

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MB = 2**20
MOST = 2**31 - 1
I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
INT64, BYTE_ARRAY = 2, 6
UTF8 = 0
PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
UNCOMPRESSED, SNAPPY, GZIP, ZSTD = 0, 1, 2, 6
Field = tuple[int, int, Any]


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def zigzag(number: int) -> bytes:
    return varint((number << 1) ^ (number >> 63))


def struct_of(*fields: Field) -> bytes:
    """Thrift's compact protocol, as Parquet's metadata is written in."""
    out, before = b"", 0
    for place, kind, value in fields:
        out += bytes([(place - before) << 4 | kind])
        before = place
        if kind in (I32, I64):
            out += zigzag(value)
        else:
            out += varint(len(value)) + value if kind == BINARY else value
    return out + b"\0"


def list_of(kind: int, items: Sequence[bytes], claimed: int | None = None) -> bytes:
    """A list that says to have so many items, whatever it has."""
    return bytes([0xF0 | kind]) + varint(len(items) if claimed is None else claimed) + b"".join(items)


def text(value: str) -> bytes:
    return varint(len(value)) + value.encode()


def element(name: str, *, kind: int | None = None, children: int | None = None) -> bytes:
    fields: list[Field] = [] if kind is None else [(1, I32, kind)]
    fields += [(3, I32, 0), (4, BINARY, name.encode())]
    fields += [] if children is None else [(5, I32, children)]
    return struct_of(*fields, *([(6, I32, UTF8)] if kind == BYTE_ARRAY else []))


def page(body: bytes, values: int, *, encoding: int = PLAIN, unpacked: int | None = None, kind: int = 0) -> bytes:
    """A data page, or one of a dictionary (2), that says to unpack to so much."""
    size = len(body) if unpacked is None else unpacked
    head = struct_of((1, I32, values), (2, I32, encoding), *([(3, I32, RLE), (4, I32, RLE)] if kind == 0 else []))
    place = 5 if kind == 0 else 7
    return struct_of((1, I32, kind), (2, I32, size), (3, I32, len(body)), (place, STRUCT, head)) + body


def column(
    pages: bytes,
    values: int,
    *,
    codec: int = UNCOMPRESSED,
    kind: int = INT64,
    offset: int = 4,
    data_at: int = 0,
) -> bytes:
    fields: list[Field] = [
        (1, I32, kind),
        (2, LIST, list_of(I32, [zigzag(PLAIN), zigzag(RLE), zigzag(RLE_DICTIONARY)])),
        (3, LIST, list_of(BINARY, [text("a")])),
        (4, I32, codec), (5, I64, values), (6, I64, 8), (7, I64, len(pages)),
        (9, I64, offset + data_at),
    ]  # fmt: skip
    if data_at:
        fields.append((11, I64, offset))
    return struct_of((2, I64, offset), (3, STRUCT, struct_of(*fields)))


def footer(groups: Sequence[bytes], rows: int, *, schema: bytes = b"", claimed_groups: int | None = None) -> bytes:
    plain = list_of(STRUCT, [element("schema", children=1), element("a", kind=INT64)])
    return struct_of(
        (1, I32, 2),
        (2, LIST, schema or plain),
        (3, I64, rows),
        (4, LIST, list_of(STRUCT, groups, claimed_groups)),
    )


def group(columns: Sequence[bytes], rows: int, size: int = 8) -> bytes:
    return struct_of((1, LIST, list_of(STRUCT, columns)), (2, I64, size), (3, I64, rows))


def file_of(pages: bytes, metadata: bytes, length: int | None = None) -> bytes:
    return (
        b"PAR1"
        + pages
        + metadata
        + struct.pack("<I", len(metadata) if length is None else length & 0xFFFFFFFF)
        + b"PAR1"
    )


def one_column(pages: bytes, rows: int, *, claimed_rows: int | None = None, **options: Any) -> bytes:
    told = rows if claimed_rows is None else claimed_rows
    return file_of(pages, footer([group([column(pages, told, **options)], told)], told))


def honest() -> bytes:
    return one_column(page(struct.pack("<3q", 1, 2, 3), 3), 3)


def ordinary(**options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": np.arange(50.0)}), sink, **options)
    return sink.getvalue()


def _bomb(codec: int, packed: bytes, unpacked: int = MOST) -> bytes:
    return one_column(page(packed, unpacked // 8, unpacked=unpacked), unpacked // 8, claimed_rows=50, codec=codec)


@cache
def _zeros(codec: str) -> bytes:
    """2 GB of zeros, or as much as costs little to pack."""
    if codec == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        return b"".join(packer.compress(bytes(16 * MB)) for _ in range(24)) + packer.flush()
    if codec == "zstd":
        return pa.compress(bytes(64 * MB), "zstd", asbytes=True) * 32
    # One literal, and then copies of it of 64 bytes in 3.
    return varint(MOST) + b"\0\0" + b"\xfe\x01\0" * 100_000


def _nested(depth: int) -> bytes:
    levels = [element("n", children=1) for _ in range(depth)]
    schema = list_of(STRUCT, [element("schema", children=1), *levels, element("a", kind=INT64)])
    return file_of(b"", footer([], 50, schema=schema))


def _many_columns(count: int) -> bytes:
    schema = list_of(
        STRUCT, [element("schema", children=count), *(element(f"c{place}", kind=INT64) for place in range(count))]
    )
    pages = page(struct.pack("<q", 1), 1)
    return file_of(pages, footer([group([column(pages, 1)] * count, 1)], 1, schema=schema))


def _one_text_for_all() -> bytes:
    """A dictionary of one long text, and one run that names it in every row."""
    long = b"x" * 100_000
    dictionary = page(struct.pack("<I", len(long)) + long, 1, kind=2)
    rows = 100_000
    pages = dictionary + page(b"\1" + varint(rows << 1) + b"\0", rows, encoding=RLE_DICTIONARY)
    schema = list_of(STRUCT, [element("schema", children=1), element("a", kind=BYTE_ARRAY)])
    chunk = column(pages, rows, kind=BYTE_ARRAY, data_at=len(dictionary))
    return file_of(pages, footer([group([chunk], rows)], rows, schema=schema))


def _one_number_for_all() -> bytes:
    """A run of two thousand million rows in a few bytes, of which the metadata tells fifty."""
    dictionary = page(struct.pack("<q", 7), 1, kind=2)
    pages = dictionary + page(b"\1" + varint(MOST << 1) + b"\0", MOST, encoding=RLE_DICTIONARY)
    return file_of(pages, footer([group([column(pages, MOST, data_at=len(dictionary))], 50)], 50))


CRAFTED: dict[str, Callable[[], bytes]] = {
    "a footer longer than the file": lambda: file_of(b"", footer([], 1), length=10_000),
    "a footer of 4 GB": lambda: file_of(b"", footer([], 1), length=-1),
    "a footer of nothing": lambda: file_of(b"", b"", length=0),
    "a footer that is cut": lambda: file_of(b"", footer([group([], 1)], 1)[:-6]),
    "a file that is cut": lambda: ordinary()[:-30],
    "a start that is cut": lambda: b"PAR1" + ordinary()[40:],
    "nothing between its marks": lambda: b"PAR1PAR1",
    "rows beyond counting": lambda: one_column(page(struct.pack("<q", 1), 1), 1, claimed_rows=2**62),
    "less than no rows": lambda: one_column(page(struct.pack("<q", 1), 1), 1, claimed_rows=-5),
    "more rows than its page has": lambda: one_column(page(struct.pack("<q", 1), 1), 1, claimed_rows=90_000),
    "a page of values it has not": lambda: one_column(page(struct.pack("<q", 1), MOST), 1, claimed_rows=50),
    "a page of less than no values": lambda: one_column(page(struct.pack("<q", 1), -1), 1, claimed_rows=50),
    "a page of a size below nothing": lambda: one_column(page(b"", 1, unpacked=-8), 1, claimed_rows=50),
    "a schema of 2 billion elements": lambda: file_of(b"", footer([], 1, schema=list_of(STRUCT, [], MOST))),
    "groups of rows by the billion": lambda: file_of(b"", footer([], 1, claimed_groups=MOST)),
    "a million groups of rows": lambda: file_of(b"", footer([group([], 0)] * 1_000_000, 1)),
    "a name of 2 GB": lambda: file_of(b"", struct_of((1, I32, 2)) [:-1] + bytes([0x58]) + varint(MOST) + b"x\0"),
    "a group that is its own parent": lambda: file_of(b"", footer([], 50, schema=list_of(STRUCT, [element("s", children=MOST)]))),
    "groups in groups": lambda: _nested(50),
    "groups in groups without end": lambda: _nested(200_000),
    "100,000 columns": lambda: _many_columns(100_000),
    "a page of snappy": lambda: _bomb(SNAPPY, _zeros("snappy")),
    "a page of gzip": lambda: _bomb(GZIP, _zeros("gzip")),
    "a page of gzip, told as little": lambda: _bomb(GZIP, _zeros("gzip"), 400),
    "a page of zstd": lambda: _bomb(ZSTD, _zeros("zstd")),
    "a page of zstd, told as little": lambda: _bomb(ZSTD, _zeros("zstd"), 400),
    "one text for all rows": _one_text_for_all,
    "one number for billions of rows": _one_number_for_all,
    "an offset behind the file": lambda: one_column(page(b"", 1), 50, offset=2**40),
    "an offset before the file": lambda: one_column(page(b"", 1), 50, offset=-(2**40)),
    "a type that is none": lambda: file_of(b"", footer([], 1, schema=list_of(STRUCT, [element("s", children=1), element("a", kind=99)]))),
}  # fmt: skip
