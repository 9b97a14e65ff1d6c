"""
One call of an operation: sent to the node that answered last, repeated elsewhere where it may be, within
one deadline. Waits grow exponentially with full jitter (Brooker 2015). A node that gave no answer, or none of use, is
left: the next try, be it of this call or of another, goes to the next one.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .contract import OPERATIONS
from .failure import P2posError, RemoteError


#: Where what may have been done already is asked for again. None: wherever a node answers, and a plain key is then written
#: anew there, over what others wrote meanwhile. ``same-node``: only where it was asked first, which remembers idempotency
#: keys for 24 h, as long as it runs. ``never``: the call fails, and whether it was done is not known.
Repeat = Literal["same-node", "never"]


class Transport(Protocol):
    """One try of one operation at one node; fields and answers in the form that they have on the wire."""

    async def attempt(self, method: str, fields: Mapping[str, Any], node: int) -> Any: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Limits:
    #: For a whole call, repeats included.
    timeout_ms: int
    #: At most, for one node to answer; None: as long as the call. A call of more time than ``timeout_ms`` has more for each
    #: node in proportion. What may be repeated leaves the next node half of its time in any case.
    attempt_timeout_ms: int | None
    max_attempts: int
    base_delay_ms: int = 100
    max_delay_ms: int = 2_000


class Call(Protocol):
    async def __call__(
        self,
        method: str,
        fields: Mapping[str, Any] | None = None,
        timeout_ms: int | None = None,
        repeat: Repeat | None = None,
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
        self,
        method: str,
        fields: Mapping[str, Any] | None = None,
        timeout_ms: int | None = None,
        repeat: Repeat | None = None,
    ) -> Any:
        operation = OPERATIONS.get(method)
        if operation is None:
            raise P2posError("METHOD_NOT_SERVED", {"method": method})
        given = {name: value for name, value in (fields or {}).items() if value is not None}
        if "idempotencyKey" in operation.headers:
            # A key of our own, so that a repeat after a lost answer is recognised.
            given.setdefault("idempotencyKey", str(uuid.uuid4()))
        timeout_ms = self._limits.timeout_ms if timeout_ms is None else timeout_ms
        return await self._repeat(method, given, timeout_ms, repeat)

    async def _repeat(
        self, method: str, fields: Mapping[str, Any], timeout_ms: int, repeat: Repeat | None
    ) -> Any:
        repeatable = OPERATIONS[method].repeatable and repeat != "never"
        #: The node that may have done it, if no other shall be asked.
        only: int | None = None
        nodes = len(self._urls)
        ends_at = asyncio.get_running_loop().time() + timeout_ms / 1_000
        tries = rounds = 0
        async with _within(timeout_ms, "The system") as call:
            while True:
                tries += 1
                node = self._preferred if only is None else only
                is_last = tries >= self._limits.max_attempts
                keeps_all = is_last or not repeatable or repeat == "same-node"
                share_ms = self._share_ms(timeout_ms, ends_at, keeps_all)
                try:
                    return await self._attempt(method, fields, node, share_ms)
                except asyncio.CancelledError:
                    # Not for who lost interest: that says nothing of the node.
                    if call.expired():
                        self._leave(node)
                    raise
                except P2posError as error:
                    if not error.retry:
                        raise
                    self._leave(node)
                    if is_last or not (repeatable or error.never_sent):
                        raise
                    if repeat == "same-node" and not error.never_sent:
                        only = node
                    # The first round over all nodes does not wait.
                    if only is not None or tries % nodes == 0:
                        rounds += 1
                        await self._sleep(self._delay_ms(rounds, error) / 1_000)

    async def _attempt(
        self, method: str, fields: Mapping[str, Any], node: int, share_ms: int | None
    ) -> Any:
        work = self._transport.attempt(method, fields, node)
        if share_ms is None:
            return await work
        async with _within(share_ms, f"The node at {self._urls[node]}"):
            return await work

    def _share_ms(self, timeout_ms: int, ends_at: float, is_last: bool) -> int | None:
        """None: as long as the call has."""
        left_ms = (ends_at - asyncio.get_running_loop().time()) * 1_000
        limits = self._limits
        share = left_ms
        if len(self._urls) > 1 and not is_last:
            share = max(1, left_ms / 2)
        if limits.attempt_timeout_ms is not None:
            share = min(share, limits.attempt_timeout_ms * max(1, timeout_ms / limits.timeout_ms))
        return max(1, int(share)) if share < left_ms else None

    def _leave(self, node: int) -> None:
        if self._preferred == node:
            self._preferred = (node + 1) % len(self._urls)

    def _delay_ms(self, round_: int, error: P2posError) -> float:
        limits = self._limits
        most = min(limits.max_delay_ms, limits.base_delay_ms * 2.0 ** (round_ - 1))
        asked = (error.retry_after_ms or 0) if isinstance(error, RemoteError) else 0
        return max(min(asked, limits.max_delay_ms), most * self._chance())


@asynccontextmanager
async def _within(timeout_ms: int, what: str) -> AsyncGenerator[asyncio.Timeout, None]:
    try:
        async with asyncio.timeout(timeout_ms / 1_000) as scope:
            yield scope
    except TimeoutError:
        if not scope.expired():
            raise
        raise P2posError("TIMEOUT", {"what": what, "timeoutMs": timeout_ms}) from None
