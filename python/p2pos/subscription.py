"""
Subscriptions that outlive their socket: when it is lost the next node is asked to go on from where the last event left
off. Events wait in a bounded queue; a consumer that falls behind it is resumed when it has caught up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from .failure import P2posError
from .link import Frame, Link

MAX_QUEUED = 8_192
MAX_QUEUED_BYTES = 32 * 1_048_576
OPEN_TIMEOUT_MS = 10_000
BASE_DELAY_S = 0.1
MAX_DELAY_S = 2.0


class Links(Protocol):
    async def link(self, node: int) -> Link: ...


class Behind(Exception):
    """The queue ran over."""


class Subscriber:
    """The streams that one client follows, by their kind."""

    def __init__(self, links: Links, nodes: int) -> None:
        self._links = links
        self._nodes = nodes
        self._preferred = 0
        self._queues: set[_Queue] = set()
        self._closed = False

    async def follow(
        self, kind: str, resume: Callable[[], Mapping[str, Any]]
    ) -> AsyncGenerator[Frame, None]:
        """:param resume: what to ask for, first and after each reconnect, at the moment it is asked."""
        failures = 0
        while not self._closed:
            node = self._preferred
            try:
                async with aclosing(self._attempt(kind, resume, node)) as events:
                    async for event in events:
                        failures = 0
                        yield event
                return
            except Behind:
                continue
            except P2posError as error:
                if self._closed:
                    return
                if not error.retry:
                    raise
                if self._preferred == node:
                    self._preferred = (node + 1) % self._nodes
                failures += 1
                if failures >= self._nodes:
                    most = min(MAX_DELAY_S, BASE_DELAY_S * 2 ** min(20, failures // self._nodes))
                    await asyncio.sleep(most * random.random())

    def close(self) -> None:
        """What is followed ends."""
        self._closed = True
        for queue in list(self._queues):
            queue.on_end(None)

    async def _attempt(
        self, kind: str, resume: Callable[[], Mapping[str, Any]], node: int
    ) -> AsyncGenerator[Frame, None]:
        link = await self._links.link(node)
        queue = _Queue()
        self._queues.add(queue)
        # Not before: the way here may have taken long.
        number = link.start({**resume(), "op": "subscribe", "kind": kind}, queue)
        try:
            event = await _first(queue)
            while event is not None:
                yield event
                event = await queue.next()
        finally:
            self._queues.discard(queue)
            link.stop(number, "unsubscribe")


async def _first(queue: _Queue) -> Frame | None:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_MS / 1_000) as scope:
            return await queue.next()
    except TimeoutError:
        if not scope.expired():
            raise
        details = {"what": "The node", "timeoutMs": OPEN_TIMEOUT_MS}
        raise P2posError("TIMEOUT", details) from None


class _Queue:
    def __init__(self) -> None:
        self._events: list[Frame] = []
        self._bytes = 0
        self._taken = 0
        self._wake = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    def on_event(self, event: Frame) -> None:
        if self._ended:
            return
        self._events.append(event)
        self._bytes += size_of(event)
        if len(self._events) - self._taken > MAX_QUEUED or self._bytes > MAX_QUEUED_BYTES:
            self._end(Behind())
        self._wake.set()

    def on_end(self, error: P2posError | None) -> None:
        self._end(error)

    async def next(self) -> Frame | None:
        """None: it ended."""
        while self._taken == len(self._events):
            if self._ended:
                if self._error is not None:
                    raise self._error
                return None
            self._wake.clear()
            await self._wake.wait()
        event = self._events[self._taken]
        self._taken += 1
        self._bytes -= size_of(event)
        if self._taken == len(self._events):
            self._events.clear()
            self._taken = 0
        return event

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._error = error
        self._wake.set()


def size_of(event: Frame) -> int:
    """Of what is long in it."""
    size = 128
    for name in ("data", "value"):
        field = event.get(name)
        if isinstance(field, dict):
            size += len(str(field.get("$blob", "")))
    return size
