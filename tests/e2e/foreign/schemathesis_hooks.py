"""What schemathesis must be told of our media types: how a value becomes the bytes of a body."""

import schemathesis
from schemathesis import SerializationContext


@schemathesis.serializer("application/pkcs10", "application/vnd.apache.parquet")
def as_bytes(_: SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
