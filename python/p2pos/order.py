"""What is new of a subscription: copies are dropped, gaps are told, per publisher and topic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from .link import Frame
from .wire import from_blob

#: Publishers' topics whose last number is remembered.
MAX_REMEMBERED = 10_000
#: As ``MAX_PUBSUB_AFTER``: numbers that a subscription may say it has when it goes on elsewhere.
MAX_AFTER = 512


@dataclass(frozen=True)
class Message:
    topic: str
    publisher: str
    incarnation: int
    seq: int
    #: RFC 3339, by the publisher's clock.
    at: str
    data: bytes
    type: Literal["message"] = "message"

    def text(self) -> str:
        """The data as UTF-8."""
        return self.data.decode("utf-8")


@dataclass(frozen=True)
class Gap:
    """Messages ``first`` to ``last`` of that publisher did not reach this client."""

    topic: str
    publisher: str
    incarnation: int
    first: int
    last: int
    type: Literal["gap"] = "gap"


@dataclass
class _Source:
    seq: int
    #: Some that follow were dropped, which ones is not known: the next number tells nothing.
    loose: bool = False


class Order:
    def __init__(self, *, skips: bool) -> None:
        self._skips = skips
        self._sources: dict[tuple[str, str, int], _Source] = {}

    def take(self, event: Frame) -> Iterator[Message | Gap]:
        """What is new of it, after what is missing before it."""
        name = (event["topic"], event["publisher"], event["incarnation"])
        is_gap = event["type"] == "gap"
        first, last = (event["from"], event["to"]) if is_gap else (event["seq"], event["seq"])
        # Those that were heard last stand last.
        source = self._sources.pop(name, None)
        self._sources[name] = source or _Source(last)
        if source is None:
            if len(self._sources) > MAX_REMEMBERED:
                del self._sources[next(iter(self._sources))]
            if is_gap:
                yield Gap(*name, first, last)
        else:
            if last <= source.seq:
                return
            expected = source.seq + 1
            if first > expected and not source.loose and not self._skips:
                yield Gap(*name, expected, first - 1)
            source.seq = last
            source.loose = False
            if is_gap:
                yield Gap(*name, max(first, expected), last)
        if not is_gap:
            yield Message(*name, last, event["at"], from_blob(event["data"]))

    def loosen(self) -> None:
        for source in self._sources.values():
            source.loose = True

    def newest(self) -> list[dict[str, Any]]:
        return [
            {"topic": topic, "publisher": publisher, "incarnation": incarnation, "seq": source.seq}
            for (topic, publisher, incarnation), source in list(self._sources.items())[-MAX_AFTER:]
        ]
