"""A lock with a fencing token, kept by renewal while its holder lives."""

from __future__ import annotations

import asyncio
import random
import uuid
from types import TracebackType

from .caller import Call
from .failure import P2posError
from .portal import Portal
from .wire import duration

DEFAULT_TTL_MS = 10_000
#: Between two looks at a lock that another holds.
POLL_S = 0.25


class AsyncLock:
    """
    ::

        lock = await client.kv.cas.lock("nightly-report")
        if lock:
            async with lock:
                write_report(fence=lock.token)
    """

    #: Fencing token: greater than every earlier holder's. What the lock protects refuses smaller ones.
    token: int

    def __init__(
        self, call: Call, key: str, *, holder: str, token: int, ttl_ms: int, since: float
    ) -> None:
        self.token = token
        self._call = call
        self._fields = {"key": key, "holder": holder, "token": str(token)}
        self._ttl_ms = ttl_ms
        self._since = since
        self._until = since + ttl_ms / 1_000
        self._lost = asyncio.Event()
        self._renewing = asyncio.create_task(self._renew())

    @property
    def held(self) -> bool:
        """False: it can no longer be relied on."""
        return not self._lost.is_set() and asyncio.get_running_loop().time() < self._until

    async def wait_lost(self) -> None:
        """Returns when the lock can no longer be relied on."""
        await self._lost.wait()

    async def release(self) -> None:
        held = self.held
        self._lost.set()
        self._renewing.cancel()
        if not held:
            return
        try:
            await self._call("kv.unlock", self._fields, self._ttl_ms)
        except P2posError:
            # Without it the lock ends by itself.
            pass

    async def __aenter__(self) -> AsyncLock:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        # An answer that took long leaves less of the time.
        delay_s = max(0.0, self._since + self._ttl_ms / 3_000 - loop.time())
        fields = {**self._fields, "ttlMs": duration(self._ttl_ms)}
        while True:
            await asyncio.sleep(min(delay_s, max(0.0, self._until - loop.time())))
            asked_at = loop.time()
            left_ms = int((self._until - asked_at) * 1_000)
            if left_ms <= 0:
                break
            try:
                answer = await self._call("kv.renewLock", fields, left_ms)
                if not answer["held"]:
                    break
                self._until = asked_at + self._ttl_ms / 1_000
                delay_s = self._ttl_ms / 3_000
            except P2posError:
                # Until the time is over another try may succeed.
                delay_s = min(1.0, self._ttl_ms / 10_000)
        self._lost.set()


async def take_lock(
    call: Call, key: str, *, ttl_ms: int, wait_ms: int, timeout_ms: int
) -> AsyncLock | None:
    loop = asyncio.get_running_loop()
    holder = str(uuid.uuid4())
    until = loop.time() + wait_ms / 1_000
    while True:
        since = loop.time()
        fields = {"key": key, "holder": holder, "ttlMs": duration(ttl_ms)}
        # What is answered later is over by then.
        answer = await call("kv.lock", fields, min(timeout_ms, ttl_ms))
        if answer["token"] is not None:
            token = answer["token"]
            return AsyncLock(
                call, key, holder=holder, token=token, ttl_ms=ttl_ms, since=since
            )
        if loop.time() >= until:
            return None
        await asyncio.sleep(min(POLL_S * (0.5 + random.random()), max(0.0, until - loop.time())))


class Lock:
    """As :class:`AsyncLock`, for code without an event loop."""

    token: int

    def __init__(self, portal: Portal, lock: AsyncLock) -> None:
        self.token = lock.token
        self._portal = portal
        self._lock = lock

    @property
    def held(self) -> bool:
        async def held() -> bool:
            return self._lock.held

        return self._portal.run(held())

    def release(self) -> None:
        self._portal.run(self._lock.release())

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
