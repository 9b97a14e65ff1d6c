"""What schemathesis does not know by itself: bodies that are bytes of another format travel as they come."""

import schemathesis


@schemathesis.serializer("application/cbor", "application/vnd.sqlite3")
def as_bytes(ctx, value):  # type: ignore[no-untyped-def]
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

