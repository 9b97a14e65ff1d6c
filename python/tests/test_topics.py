"""What a member of a group begins of what it is handed: nothing twice, and nothing that is another's by now."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from p2pos.group_queue import HELD_S, GroupQueue
from p2pos.topics import AsyncTopics


def message(sequence: int, attempt: int = 1) -> dict[str, Any]:
    return {
        "type": "message",
        "sequence": sequence,
        "attempt": attempt,
        "publisher": "p",
        "at": "2026-01-01T00:00:00Z",
        "data": {"$blob": "eA=="},
    }


class Played:
    """As a subscriber whose node sends what the test says."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.over = False
        self.asked: list[Mapping[str, Any]] = []

    async def follow(
        self, kind: str, resume: Callable[[], Mapping[str, Any]]
    ) -> AsyncGenerator[dict[str, Any], None]:
        self.asked.append(resume())
        try:
            while True:
                yield await self.events.get()
        finally:
            self.over = True

    async def send(self, *events: dict[str, Any]) -> None:
        for event in events:
            self.events.put_nowait(event)
        for _ in range(20):
            await asyncio.sleep(0)


async def refused(*_: object) -> None:
    raise AssertionError("nothing is called")


def test_what_comes_again_or_was_handed_to_a_broken_subscription_is_begun_once() -> None:
    async def run() -> None:
        played = Played()
        topics = AsyncTopics(refused, played)  # type: ignore[arg-type]
        async with topics.consume("a", "g", since="end", most=1) as messages:

            async def take() -> tuple[int, int]:
                one = await anext(messages)
                return (one.sequence, one.attempt)

            first = asyncio.create_task(take())
            await played.send({"type": "open"}, message(1), message(2), message(3))
            assert await first == (1, 1)
            await played.send(message(2, 2), message(4))
            assert [await take() for _ in range(3)] == [(2, 2), (3, 1), (4, 1)]
            await played.send(message(5))
            await played.send({"type": "open"}, message(6))
            assert await take() == (6, 1)
        assert played.over
        assert played.asked == [{"topic": "a", "group": "g", "from": "end", "most": 1}]

    asyncio.run(run())


def test_what_has_waited_for_so_long_that_the_group_gave_it_to_another_is_not_begun() -> None:
    async def run() -> None:
        now = 0.0
        queue = GroupQueue(lambda: now)
        await queue.add(message(1))
        await queue.add(message(2))
        now = HELD_S - 1
        await queue.add(message(2, 2))
        now = HELD_S
        queue.end()
        one = await queue.next()
        assert one is not None and (one["sequence"], one["attempt"]) == (2, 2)
        assert await queue.next() is None

    asyncio.run(run())
