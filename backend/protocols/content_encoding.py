"""A body as it was sent comes in, with the name of its packing; the plain bytes go out, never more than a limit."""

import zlib

from backend.errors import Malformed, TooLarge, UnsupportedMediaType

_PLAIN = frozenset({"", "identity"})
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


def inflate(payload: bytes, encoding: str, limit: int) -> bytes:
    """The plain bytes of a body with this `Content-Encoding` (gzip or deflate).

    Raises TooLarge where they are more than `limit`, Malformed where the packing is broken, UnsupportedMediaType for another.
    """
    name = encoding.strip().lower()
    if name in _PLAIN:
        return payload
    if name in {"gzip", "x-gzip"}:
        return _inflated(payload, _GZIP, limit)
    if name == "deflate":
        return _inflated(payload, _ZLIB if _has_zlib_header(payload) else _RAW, limit)
    raise UnsupportedMediaType("A body may be packed with gzip or deflate, once, or not at all.")


def _inflated(payload: bytes, window: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window)
    try:
        plain = stream.decompress(payload, limit + 1)
    except zlib.error as error:
        raise Malformed("The body is not packed as its Content-Encoding says.", cause=str(error)) from error
    if len(plain) > limit:
        raise TooLarge(f"The body unpacks to more than {limit // (1024 * 1024)} MB.")
    if not stream.eof:
        raise Malformed("The packed body ends early.")
    if stream.unused_data:
        raise Malformed("Something follows the packed body.")
    return plain


def _has_zlib_header(payload: bytes) -> bool:
    """`deflate` means the zlib format (RFC 9110), and some clients send the bare stream all the same."""
    return len(payload) >= 2 and payload[0] & 0x0F == 8 and (payload[0] << 8 | payload[1]) % 31 == 0
