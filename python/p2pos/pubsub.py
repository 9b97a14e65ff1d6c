"""Pub/sub: publish with a receipt that counts, subscribe as an iterator that outlives its socket."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from .answers import PubsubPresence, PubsubTopicsTopicsItem
from .caller import Call
from .order import Gap, Message, Order
from .portal import Portal
from .stream import AsyncStream, Stream
from .subscription import Subscriber

Ack = Literal["none", "one", "all"]
SlowPolicy = Literal["buffer", "latest", "disconnect"]
#: What a request may take to each publisher; copies are dropped.
WAY_MS = 1_000


@dataclass(frozen=True)
class PublishReceipt:
    #: ``<publisher>/<incarnation>/<seq>`` of the topic.
    id: str
    #: Nodes that confirmed; with ``ack="none"``, nodes that are interested.
    subscribers: int
    #: Handlers on them, as far as known.
    clients: int
    #: With ``receipt="signed"``: for :func:`p2pos.verify_delivery`.
    receipt: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Opened:
    """The subscription stands, again after each reconnect."""

    #: Members that will send what they publish from now on.
    confirmed_by: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    type: Literal["open"] = "open"


@dataclass(frozen=True)
class Missed:
    """So many were dropped because this client was too slow."""

    count: int
    type: Literal["missed"] = "missed"


PubsubEvent = Opened | Message | Gap | Missed


class AsyncPubsub:
    def __init__(self, call: Call, subscriber: Subscriber) -> None:
        self._call = call
        self._subscriber = subscriber

    async def publish(
        self,
        topic: str,
        data: bytes | str,
        *,
        ack: Ack | None = None,
        receipt: Literal["signed"] | None = None,
        timeout_ms: int | None = None,
    ) -> PublishReceipt:
        """
        :param ack: ``one``: a subscriber has it when this returns; ``all``: every interested node has; ``none``, the
            default, does not wait.
        :param receipt: ``signed``: the answer brings the receivers' signatures.
        """
        body = data.encode("utf-8") if isinstance(data, str) else bytes(data)
        fields = {"topic": topic, "body": body, "ack": ack, "receipt": receipt}
        told = await self._call("pubsub.publish", fields, timeout_ms)
        return PublishReceipt(
            told["id"], told["subscribers"], told["clients"], told.get("receipt")
        )

    def subscribe(
        self, topic: str, *, slow: SlowPolicy | None = None
    ) -> AsyncStream[PubsubEvent]:
        """
        :param topic: ``*`` is one token, ``>`` at the end the rest.
        :param slow: what to do when messages come faster than they are read; ``buffer`` unless told otherwise.
        """
        return AsyncStream(_follow(self._subscriber, topic, slow))

    async def topics(self, *, timeout_ms: int | None = None) -> list[PubsubTopicsTopicsItem]:
        topics: list[PubsubTopicsTopicsItem] = (
            await self._call("pubsub.topics", {}, timeout_ms)
        )["topics"]
        return topics

    async def presence(self, topic: str, *, timeout_ms: int | None = None) -> PubsubPresence:
        found: PubsubPresence = await self._call("pubsub.presence", {"topic": topic}, timeout_ms)
        return found


async def _follow(
    subscriber: Subscriber, topic: str, slow: SlowPolicy | None
) -> AsyncGenerator[PubsubEvent, None]:
    order = Order(skips=slow == "latest")
    loop = asyncio.get_running_loop()
    opened_at: float | None = None

    def ask() -> dict[str, Any]:
        fields: dict[str, Any] = {"topic": topic} if slow is None else {"topic": topic, "slow": slow}
        if opened_at is None:
            return fields
        # Whatever was published since the first time it stood has come, or is still to come.
        since_ms = math.ceil((loop.time() - opened_at) * 1_000) + WAY_MS
        return {**fields, "sinceMs": since_ms, "after": order.newest()}

    async with aclosing(subscriber.follow("pubsub", ask)) as events:
        async for event in events:
            kind = event["type"]
            if kind == "open":
                if opened_at is None:
                    opened_at = loop.time()
                yield Opened(tuple(event["confirmedBy"]), tuple(event["unconfirmed"]))
            elif kind == "missed":
                order.loosen()
                yield Missed(event["count"])
            elif kind in ("message", "gap"):
                for one in order.take(event):
                    yield one


class Pubsub:
    """As :class:`AsyncPubsub`, for code without an event loop."""

    def __init__(self, portal: Portal, pubsub: AsyncPubsub) -> None:
        self._portal = portal
        self._pubsub = pubsub

    def publish(
        self,
        topic: str,
        data: bytes | str,
        *,
        ack: Ack | None = None,
        receipt: Literal["signed"] | None = None,
        timeout_ms: int | None = None,
    ) -> PublishReceipt:
        return self._portal.run(
            self._pubsub.publish(topic, data, ack=ack, receipt=receipt, timeout_ms=timeout_ms)
        )

    def subscribe(self, topic: str, *, slow: SlowPolicy | None = None) -> Stream[PubsubEvent]:
        return Stream(self._portal, self._pubsub.subscribe(topic, slow=slow))

    def topics(self, *, timeout_ms: int | None = None) -> list[PubsubTopicsTopicsItem]:
        return self._portal.run(self._pubsub.topics(timeout_ms=timeout_ms))

    def presence(self, topic: str, *, timeout_ms: int | None = None) -> PubsubPresence:
        return self._portal.run(self._pubsub.presence(topic, timeout_ms=timeout_ms))
