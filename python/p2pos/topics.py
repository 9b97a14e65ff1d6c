"""Durable topics: append, follow from any point without a hole, share among the members of a group, replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from .answers import TopicsAppend, TopicsState
from .caller import Call
from .group_queue import GroupQueue
from .portal import Portal
from .stream import AsyncStream, Stream
from .subscription import Subscriber
from .wire import duration, from_blob

#: As ``MAX_TOPIC_ACKS``: sequences in one call.
MAX_ACKS = 1_000
PAGE = 500

#: ``start``, ``end``, a sequence, or a time in UTC.
From = str | int


@dataclass(frozen=True)
class TopicMessage:
    topic: str
    #: Its place in the topic, without a hole over all publishers.
    sequence: int
    publisher: str
    #: RFC 3339.
    at: str
    data: bytes
    #: In a group: how often it was handed to a member, this time included, as far as is known.
    attempt: int = 1
    type: Literal["message"] = "message"

    def text(self) -> str:
        """The data as UTF-8."""
        return self.data.decode("utf-8")


@dataclass(frozen=True)
class TopicGap:
    """Retention had taken these."""

    topic: str
    first: int
    last: int
    type: Literal["gap"] = "gap"


@dataclass(frozen=True)
class TopicOpened:
    """It stands, again after each reconnect."""

    type: Literal["open"] = "open"


TopicEvent = TopicOpened | TopicMessage | TopicGap


class AsyncTopics:
    def __init__(self, call: Call, subscriber: Subscriber) -> None:
        self._call = call
        self._subscriber = subscriber

    async def append(
        self,
        topic: str,
        data: bytes | str,
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> TopicsAppend:
        """Returns when a majority has it on disk. Sent again by itself where an answer is lost, and one message all the same."""
        body = data.encode("utf-8") if isinstance(data, str) else bytes(data)
        fields = {"topic": topic, "body": body, "idempotencyKey": idempotency_key}
        told: TopicsAppend = await self._call("topics.append", fields, timeout_ms)
        return told

    def follow(self, topic: str, *, since: From = "start") -> AsyncStream[TopicEvent]:
        """What is there from some point on, then what comes; goes on through the next node where it broke off."""
        return AsyncStream(_follow(self._subscriber, topic, since))

    def consume(
        self, topic: str, group: str, *, since: From | None = None, most: int | None = None
    ) -> AsyncStream[TopicMessage]:
        """
        As a member of the group. A message that is not acknowledged goes to another member after 30 s.

        :param since: where a new group begins.
        :param most: messages that are with this member at a time and not acknowledged, 1 to 256; 64 unless told otherwise,
            1 for work that takes long.
        """
        return AsyncStream(_consume(self._subscriber, topic, group, since, most))

    async def acknowledge(
        self, topic: str, group: str, sequences: Sequence[int], *, timeout_ms: int | None = None
    ) -> int:
        """Done with them: nobody of the group gets them again."""
        done = 0
        for start in range(0, len(sequences), MAX_ACKS):
            body = {"sequences": list(sequences[start : start + MAX_ACKS])}
            fields = {"topic": topic, "group": group, "body": body}
            told = await self._call("topics.acknowledge", fields, timeout_ms)
            done += int(told["acknowledged"])
        return done

    async def replay(
        self, topic: str, *, since: From = "start", timeout_ms: int | None = None
    ) -> AsyncGenerator[TopicMessage, None]:
        """What is there, to its end."""
        at: From | None = since
        while at is not None:
            fields = {"topic": topic, "from": str(at), "limit": str(PAGE)}
            page = await self._call("topics.replay", fields, timeout_ms)
            for message in page["messages"]:
                yield _message(topic, message)
            at = page["next"]

    async def retain(
        self,
        topic: str,
        *,
        age_ms: int | None = None,
        messages: int | None = None,
        max_bytes: int | None = None,
        timeout_ms: int | None = None,
    ) -> TopicsState:
        """How much is kept: by age, count and bytes, whichever is reached first."""
        fields = {
            "topic": topic,
            "ageMs": None if age_ms is None else duration(age_ms),
            "messages": None if messages is None else str(messages),
            "bytes": None if max_bytes is None else str(max_bytes),
        }
        state: TopicsState = await self._call("topics.retain", fields, timeout_ms)
        return state

    async def state(self, topic: str, *, timeout_ms: int | None = None) -> TopicsState:
        state: TopicsState = await self._call("topics.state", {"topic": topic}, timeout_ms)
        return state


async def _follow(
    subscriber: Subscriber, topic: str, since: From
) -> AsyncGenerator[TopicEvent, None]:
    wanted: int | None = None

    def ask() -> dict[str, Any]:
        return {"topic": topic, "from": str(since if wanted is None else wanted)}

    async with aclosing(subscriber.follow("pubsub", ask)) as events:
        async for event in events:
            kind = event["type"]
            if kind == "open":
                wanted = event.get("sequence") if wanted is None else wanted
                yield TopicOpened()
            elif kind == "gap":
                wanted = event["to"] + 1
                yield TopicGap(topic, event["from"], event["to"])
            elif kind == "message" and "sequence" in event:
                if wanted is not None and event["sequence"] < wanted:
                    continue
                wanted = event["sequence"] + 1
                yield _message(topic, event)


async def _consume(
    subscriber: Subscriber, topic: str, group: str, since: From | None, most: int | None
) -> AsyncGenerator[TopicMessage, None]:
    fields: dict[str, Any] = {"topic": topic, "group": group}
    if since is not None:
        fields["from"] = str(since)
    if most is not None:
        fields["most"] = most
    queue = GroupQueue()
    receiving = asyncio.create_task(_receive(subscriber, fields, queue))
    try:
        while (event := await queue.next()) is not None:
            yield _message(topic, event)
    finally:
        receiving.cancel()
        await asyncio.wait([receiving])


async def _receive(subscriber: Subscriber, fields: Mapping[str, Any], queue: GroupQueue) -> None:
    try:
        async with aclosing(subscriber.follow("pubsub", lambda: fields)) as events:
            async for event in events:
                if event["type"] == "open":
                    # Handed to an earlier subscription of this member, which the group takes for gone.
                    queue.clear()
                elif event["type"] == "message" and "sequence" in event:
                    await queue.add(event)
    except Exception as error:
        queue.end(error)
    else:
        queue.end()


def _message(topic: str, wire: Mapping[str, Any]) -> TopicMessage:
    return TopicMessage(
        topic=topic,
        sequence=wire["sequence"],
        publisher=wire["publisher"],
        at=wire["at"],
        data=from_blob(wire["data"]),
        attempt=wire.get("attempt", 1),
    )


class Topics:
    """As :class:`AsyncTopics`, for code without an event loop."""

    def __init__(self, portal: Portal, topics: AsyncTopics) -> None:
        self._portal = portal
        self._topics = topics

    def append(
        self,
        topic: str,
        data: bytes | str,
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> TopicsAppend:
        return self._portal.run(
            self._topics.append(
                topic, data, idempotency_key=idempotency_key, timeout_ms=timeout_ms
            )
        )

    def follow(self, topic: str, *, since: From = "start") -> Stream[TopicEvent]:
        return Stream(self._portal, self._topics.follow(topic, since=since))

    def consume(
        self, topic: str, group: str, *, since: From | None = None, most: int | None = None
    ) -> Stream[TopicMessage]:
        return Stream(self._portal, self._topics.consume(topic, group, since=since, most=most))

    def acknowledge(
        self, topic: str, group: str, sequences: Sequence[int], *, timeout_ms: int | None = None
    ) -> int:
        return self._portal.run(
            self._topics.acknowledge(topic, group, sequences, timeout_ms=timeout_ms)
        )

    def replay(
        self, topic: str, *, since: From = "start", timeout_ms: int | None = None
    ) -> Stream[TopicMessage]:
        messages = self._topics.replay(topic, since=since, timeout_ms=timeout_ms)
        return Stream(self._portal, AsyncStream(messages))

    def retain(
        self,
        topic: str,
        *,
        age_ms: int | None = None,
        messages: int | None = None,
        max_bytes: int | None = None,
        timeout_ms: int | None = None,
    ) -> TopicsState:
        return self._portal.run(
            self._topics.retain(
                topic, age_ms=age_ms, messages=messages, max_bytes=max_bytes, timeout_ms=timeout_ms
            )
        )

    def state(self, topic: str, *, timeout_ms: int | None = None) -> TopicsState:
        return self._portal.run(self._topics.state(topic, timeout_ms=timeout_ms))
