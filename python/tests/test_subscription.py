"""Subscriptions without a network: what is asked for when a socket is lost, what is remembered, and when it ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from p2pos import P2posError, pubsub
from p2pos.order import MAX_REMEMBERED, Gap, Order
from p2pos.subscription import Subscriber

OPEN = {"type": "open", "confirmedBy": [], "unconfirmed": []}
LOST = P2posError("NODE_UNREACHABLE", {"url": "u", "reason": "gone"})
SLOW = P2posError("PUBSUB_TOO_SLOW", {"queued": 8_192})


class PlayedLink:
    """Opens each subscription and then ends it, at first with an error."""

    def __init__(self, error: P2posError) -> None:
        self.error: P2posError | None = error
        self.asked: list[dict[str, Any]] = []

    def start(self, frame: dict[str, Any], listener: Any) -> int:
        self.asked.append(frame)
        listener.on_event(OPEN)
        listener.on_end(self.error)
        self.error = None
        return len(self.asked)

    def stop(self, number: int, op: str) -> None:
        pass


class SlowLinks:
    """The way back takes long."""

    def __init__(self, link: PlayedLink, delay_s: float) -> None:
        self._link = link
        self._delay_s = delay_s

    async def link(self, node: int) -> Any:
        if self._link.asked:
            await asyncio.sleep(self._delay_s)
        return self._link


def play(link: PlayedLink, delay_s: float = 0.0) -> None:
    async def follow() -> None:
        subscriber = Subscriber(SlowLinks(link, delay_s), 2)
        async with asyncio.timeout(10):
            async for _ in pubsub.AsyncPubsub(_no_call, subscriber).subscribe("a"):
                pass

    asyncio.run(follow())


def _no_call(*_: Any) -> Coroutine[Any, Any, Any]:
    raise AssertionError("nothing is called")


def test_what_was_published_on_the_way_back_is_asked_for_as_well() -> None:
    link = PlayedLink(LOST)
    play(link, delay_s=0.05)
    assert len(link.asked) == 2
    assert link.asked[1]["sinceMs"] >= 1_000 + 49


def test_who_wanted_to_be_disconnected_when_slow_is() -> None:
    link = PlayedLink(SLOW)
    with pytest.raises(P2posError) as raised:
        play(link)
    assert raised.value.code == "PUBSUB_TOO_SLOW"
    assert len(link.asked) == 1


def test_who_talks_is_remembered_however_many_others_are_heard_in_between() -> None:
    order = Order(skips=False)
    seq = 0
    for other in range(3 * MAX_REMEMBERED):
        if other % 1_000 == 0:
            seq += 1
            list(order.take(message("talks", seq)))
        list(order.take(message(f"once {other}", 1)))
    events = list(order.take(message("talks", seq + 2)))
    assert events[0] == Gap("a", "talks", 1, seq + 1, seq + 1)
    assert order.newest()[-1]["publisher"] == "talks"


def message(publisher: str, seq: int) -> dict[str, Any]:
    data = {"$blob": ""}
    name = {"topic": "a", "publisher": publisher, "incarnation": 1, "seq": seq}
    return {"type": "message", **name, "at": "2026-01-01T00:00:00Z", "data": data}
