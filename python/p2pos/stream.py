"""What is followed, as an iterator that is also a context manager: leave its block and the subscription ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from types import TracebackType
from typing import Generic, TypeVar

from .portal import Portal

T = TypeVar("T")


class AsyncStream(Generic[T], AsyncIterator[T]):
    """
    ::

        async with client.kv.watch("rooms/") as events:
            async for event in events:
                ...
    """

    def __init__(self, events: AsyncGenerator[T, None]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncStream[T]:
        return self

    async def __anext__(self) -> T:
        return await self._events.__anext__()

    async def close(self) -> None:
        await self._events.aclose()

    async def __aenter__(self) -> AsyncStream[T]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Stream(Generic[T], Iterator[T]):
    """
    ::

        with client.kv.watch("rooms/") as events:
            for event in events:
                ...
    """

    def __init__(self, portal: Portal, events: AsyncStream[T]) -> None:
        self._portal = portal
        self._events = events

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        try:
            return self._portal.run(self._events.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        self._portal.run(self._events.close())

    def __enter__(self) -> Stream[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
