"""Packed bodies: what they hold, and a bound on it whatever they promise."""

import gzip
import tracemalloc
import zlib

import pytest

from backend.errors import Malformed, TooLarge, UnsupportedMediaType
from backend.protocols.content_encoding import inflate

TEXT = b'{"features": [1, 2, 3]}' * 50
RAW = zlib.compressobj(wbits=-15)
PACKED = {
    "plain": (TEXT, ""),
    "identity": (TEXT, "identity"),
    "gzip": (gzip.compress(TEXT), "gzip"),
    "gzip in capitals": (gzip.compress(TEXT), " GZIP "),
    "deflate": (zlib.compress(TEXT), "deflate"),
    "bare deflate": (RAW.compress(TEXT) + RAW.flush(), "deflate"),
}


@pytest.mark.parametrize(("payload", "encoding"), PACKED.values(), ids=PACKED)
def test_a_packed_body_is_what_it_holds(payload: bytes, encoding: str) -> None:
    assert inflate(payload, encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd", "compress"])
def test_other_packings_are_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip or deflate"):
        inflate(TEXT, encoding, 10_000)


BROKEN = {
    "not packed for gzip": (TEXT, "gzip"),
    "not packed for deflate": (TEXT, "deflate"),
    "cut short": (gzip.compress(TEXT)[:-9], "gzip"),
    "more after deflate": (zlib.compress(TEXT) + b"more", "deflate"),
    "more after gzip": (gzip.compress(TEXT) + b"more", "gzip"),
    "two gzip members": (gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), "gzip"),
    "nothing for gzip": (b"", "gzip"),
    "nothing for deflate": (b"", "deflate"),
}


@pytest.mark.parametrize(("payload", "encoding"), BROKEN.values(), ids=BROKEN)
def test_a_broken_packing_is_malformed(payload: bytes, encoding: str) -> None:
    with pytest.raises(Malformed):
        inflate(payload, encoding, 10_000)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_is_refused_before_it_fills_the_memory(pack: object) -> None:
    bomb = pack(bytes(200 * 1024 * 1024))  # type: ignore[operator]
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="more than 1 MB"):
            inflate(bomb, "gzip" if pack is gzip.compress else "deflate", 1024 * 1024)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
