"""
One call of an operation: sent to the node that answered last, repeated elsewhere where a repeat does no harm, within
one deadline. Waits grow exponentially with full jitter (Brooker 2015).
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .contract import OPERATIONS
from .failure import P2posError, RemoteError


class Transport(Protocol):
    """One try of one operation at one node; fields and answers in the form that they have on the wire."""

    async def attempt(self, method: str, fields: Mapping[str, Any], node: int) -> Any: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Limits:
    #: For a whole call, repeats included.
    timeout_ms: int
    #: For one node to answer; with several nodes the next is tried then.
    attempt_timeout_ms: int
    max_attempts: int
    base_delay_ms: int = 100
    max_delay_ms: int = 2_000


class Call(Protocol):
    async def __call__(
        self, method: str, fields: Mapping[str, Any] | None = None, timeout_ms: int | None = None
    ) -> Any: ...


class Caller:
    def __init__(
        self,
        transport: Transport,
        urls: Sequence[str],
        limits: Limits,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._urls = urls
        self._limits = limits
        self._sleep = sleep
        self._chance = chance
        self._preferred = 0

    async def __call__(
        self, method: str, fields: Mapping[str, Any] | None = None, timeout_ms: int | None = None
    ) -> Any:
        operation = OPERATIONS.get(method)
        if operation is None:
            raise P2posError("METHOD_NOT_SERVED", {"method": method})
        given = {name: value for name, value in (fields or {}).items() if value is not None}
        if "idempotencyKey" in operation.headers:
            # A key of our own, so that a repeat after a lost answer is recognised.
            given.setdefault("idempotencyKey", str(uuid.uuid4()))
        timeout_ms = self._limits.timeout_ms if timeout_ms is None else timeout_ms
        return await _within(
            timeout_ms, "The system", self._repeat(method, given, operation.repeatable)
        )

    async def _repeat(self, method: str, fields: Mapping[str, Any], repeatable: bool) -> Any:
        nodes = len(self._urls)
        tries = 0
        while True:
            tries += 1
            node = self._preferred
            try:
                return await self._attempt(method, fields, node)
            except P2posError as error:
                if not error.retry or tries >= self._limits.max_attempts:
                    raise
                if not repeatable and not error.never_sent:
                    raise
                if self._preferred == node:
                    self._preferred = (node + 1) % nodes
                # The first round over all nodes does not wait.
                if tries % nodes == 0:
                    await self._sleep(self._delay_ms(tries // nodes, error) / 1_000)

    async def _attempt(self, method: str, fields: Mapping[str, Any], node: int) -> Any:
        work = self._transport.attempt(method, fields, node)
        if self._limits.attempt_timeout_ms >= self._limits.timeout_ms:
            return await work
        return await _within(
            self._limits.attempt_timeout_ms, f"The node at {self._urls[node]}", work
        )

    def _delay_ms(self, round_: int, error: P2posError) -> float:
        limits = self._limits
        most = min(limits.max_delay_ms, limits.base_delay_ms * 2.0 ** (round_ - 1))
        asked = (error.retry_after_ms or 0) if isinstance(error, RemoteError) else 0
        return max(min(asked, limits.max_delay_ms), most * self._chance())


async def _within(timeout_ms: int, what: str, work: Any) -> Any:
    try:
        async with asyncio.timeout(timeout_ms / 1_000) as scope:
            return await work
    except TimeoutError:
        if not scope.expired():
            raise
        raise P2posError("TIMEOUT", {"what": what, "timeoutMs": timeout_ms}) from None
