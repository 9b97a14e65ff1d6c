"""Deterministic CBOR (RFC 8949, section 4.2.1) as signed documents use it: text keys only, no tags, one form per value."""

from __future__ import annotations

import math
import struct
from typing import Any

from .failure import P2posError

MAX_DEPTH = 32
_MAX_SAFE = 2**53 - 1


def encode(value: Any) -> bytes:
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        if not -(2**64) <= value < 2**64:
            raise _unencodable("an integer beyond 64 bits")
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(str(key)), encode(item)) for key, item in value.items())
        return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    raise _unencodable(f"a {type(value).__name__}")


def decode(data: bytes) -> Any:
    """
    :raises P2posError: CBOR_MALFORMED for anything but the one form of a value.
    """
    try:
        reader = _Reader(data)
        value = reader.value(0)
        if reader.at != len(data):
            raise _malformed("bytes follow the value")
        if encode(value) != data:
            raise _malformed("it is not in the canonical form")
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise _malformed("it is cut off or no text") from error
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _malformed(f"it is nested deeper than {MAX_DEPTH}")
        first = self.data[self.at]
        self.at += 1
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        size = self._size(info)
        if major == 0:
            return size
        if major == 1:
            return -1 - size
        if major == 2:
            return self._take(size)
        if major == 3:
            return self._take(size).decode("utf-8")
        if major == 4:
            self._room(size)
            return [self.value(depth + 1) for _ in range(size)]
        if major == 5:
            self._room(2 * size)
            return self._map(size, depth)
        raise _malformed("it holds a tag")

    def _map(self, size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise _malformed("a key is no text")
            if key in found:
                raise _malformed("a key stands twice")
            found[key] = self.value(depth + 1)
        return found

    def _size(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise _malformed("a length is not definite")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _simple(self, info: int) -> Any:
        if info in (20, 21):
            return info == 21
        if info == 22:
            return None
        if info in (25, 26, 27):
            form = {25: ">e", 26: ">f", 27: ">d"}[info]
            return struct.unpack(form, self._take(struct.calcsize(form)))[0]
        raise _malformed("it holds a simple value without a meaning")

    def _take(self, size: int) -> bytes:
        self._room(size)
        taken = self.data[self.at : self.at + size]
        self.at += size
        return taken

    def _room(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise _malformed("it is cut off")


def _head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes([major << 5 | size])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if size < 1 << (8 * width):
            return bytes([major << 5 | info]) + size.to_bytes(width, "big")
    raise _unencodable("an integer beyond 64 bits")


def _float(value: float) -> bytes:
    """An integer within ±(2⁵³ − 1) is written as one; else the shortest float that holds it."""
    if math.isnan(value):
        return b"\xf9\x7e\x00"
    if value.is_integer() and abs(value) <= _MAX_SAFE:
        return encode(int(value))
    for head, form in ((b"\xf9", ">e"), (b"\xfa", ">f")):
        try:
            packed = struct.pack(form, value)
        except OverflowError:
            continue
        if struct.unpack(form, packed)[0] == value:
            return head + packed
    return b"\xfb" + struct.pack(">d", value)


def _malformed(reason: str) -> P2posError:
    return P2posError("CBOR_MALFORMED", {"reason": reason})


def _unencodable(reason: str) -> P2posError:
    return P2posError("CBOR_UNENCODABLE", {"reason": reason})
