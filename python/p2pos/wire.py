"""Values as the contract writes them in paths, headers and JSON."""

from __future__ import annotations

import base64
import math
from datetime import datetime
from typing import Any

from .failure import bad_request

MAX_SAFE_INTEGER = 2**53 - 1
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def duration(ms: int) -> str:
    """The shortest exact text: the greatest unit that divides it."""
    if not isinstance(ms, int) or ms < 0:
        raise bad_request(f"Not a duration in whole milliseconds: {ms}.")
    if ms == 0:
        return "0s"
    for unit, size in _UNITS:
        if ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms"


def flag(value: bool) -> str:
    return "1" if value else "0"


def etag(version: str) -> str:
    """``"…"``: RFC 9110, section 8.8.3."""
    return f'"{version}"'


def version_of(etag_text: str) -> str:
    return etag_text[1:-1]


def instant(text: str) -> int:
    """RFC 3339 to milliseconds since the epoch."""
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1_000)


def to_blob(value: bytes) -> dict[str, str]:
    return {"$blob": base64.b64encode(value).decode("ascii")}


def from_blob(wire: Any) -> bytes:
    return base64.b64decode(wire["$blob"], validate=True)


def from_integer(wire: Any) -> int:
    return int(wire["$int"]) if isinstance(wire, dict) else int(wire)


def to_sql(value: object) -> object:
    """None, int within 64 bits, float, str and bytes; a bool is the integer that it is."""
    if isinstance(value, bool):
        return int(value)
    if value is None:
        return value
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise bad_request("A text for SQL is not well-formed Unicode.") from error
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise bad_request(f"SQL takes no integer beyond 64 bits: {value}.")
        return value if abs(value) <= MAX_SAFE_INTEGER else {"$int": str(value)}
    if isinstance(value, float):
        if math.isnan(value):
            raise bad_request("SQL has no NaN; pass None.")
        return {"$real": "Infinity" if value > 0 else "-Infinity"} if math.isinf(value) else value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return to_blob(bytes(value))
    raise bad_request(f"SQL takes None, int, float, str and bytes, not {type(value).__name__}.")


def from_sql(wire: Any) -> Any:
    if not isinstance(wire, dict):
        return wire
    if "$int" in wire:
        return int(wire["$int"])
    if "$real" in wire:
        return math.inf if wire["$real"] == "Infinity" else -math.inf
    return from_blob(wire)
