"""
What a member of a group was handed and has not begun. The group takes back what is not acknowledged in time, and all of it
when the subscription breaks; that is another member's by then, so it is not begun here any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from .link import Frame
from .subscription import size_of

#: As the group waits for an acknowledgement.
HELD_S = 30.0
#: Nodes hand out far less at a time.
MAX_MESSAGES = 1_024
MAX_BYTES = 32 * 1_048_576


class GroupQueue:
    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        #: By sequence: the message, and since when it has been here.
        self._waiting: dict[int, tuple[Frame, float]] = {}
        self._bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    async def add(self, message: Frame) -> None:
        """The same sequence again takes the place of the earlier. Returns when there is room for more."""
        sequence = message["sequence"]
        known = self._waiting.get(sequence)
        self._bytes += size_of(message) - (size_of(known[0]) if known else 0)
        self._waiting[sequence] = (message, self._now())
        self._changed.set()
        while len(self._waiting) >= MAX_MESSAGES or self._bytes >= MAX_BYTES:
            self._room.clear()
            await self._room.wait()

    def clear(self) -> None:
        self._waiting.clear()
        self._bytes = 0

    def end(self, error: Exception | None = None) -> None:
        self._ended = True
        self._error = error
        self._changed.set()

    async def next(self) -> Frame | None:
        """None: it ended."""
        while (message := self._take()) is None:
            if self._error is not None:
                raise self._error
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return message

    def _take(self) -> Frame | None:
        while self._waiting:
            sequence = next(iter(self._waiting))
            message, since = self._waiting.pop(sequence)
            self._bytes -= size_of(message)
            self._room.set()
            if self._now() - since < HELD_S:
                return message
        return None
