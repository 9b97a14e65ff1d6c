"""A watch that outlives its socket: it goes on through the next node, and says nothing old about a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from .subscription import Subscriber
from .wire import from_blob, instant

#: Keys whose version is remembered, to drop what comes again after a reconnect.
MAX_KEYS = 100_000


@dataclass(frozen=True)
class Change:
    key: str
    version: str
    deleted: bool
    #: Empty when it was deleted.
    value: bytes
    #: Milliseconds since the epoch.
    expires_at: int | None
    #: Where there is one: a later watch can go on from here.
    token: str | None
    type: Literal["change"] = "change"

    def text(self) -> str:
        """The value as UTF-8."""
        return self.value.decode("utf-8")


@dataclass(frozen=True)
class Synced:
    """Everything that was there has been told."""

    token: str
    type: Literal["synced"] = "synced"


@dataclass(frozen=True)
class Compacted:
    """Forget what came before; everything that is there follows, up to ``synced``."""

    type: Literal["compacted"] = "compacted"


WatchEvent = Change | Synced | Compacted


async def watch(
    subscriber: Subscriber, prefix: str, *, since: str | None, cas: bool
) -> AsyncGenerator[WatchEvent, None]:
    token = since
    told: dict[str, tuple[str, bool]] = {}

    def ask() -> dict[str, Any]:
        fields: dict[str, Any] = {"prefix": prefix}
        if cas:
            fields["cas"] = True
        return fields if token is None else {**fields, "from": token}

    async with aclosing(subscriber.follow("kv", ask)) as events:
        async for event in events:
            kind = event["type"]
            restarted = kind == "open" and token is None and bool(told)
            if kind == "compacted" or restarted:
                token = None
                told.clear()
                yield Compacted()
            if kind in ("synced", "progress"):
                token = event["token"]
            if kind == "synced":
                yield Synced(event["token"])
            if kind != "change":
                continue
            token = event.get("token", token)
            key = event["key"]
            mark = (event["version"], event["deleted"])
            if key in told and mark <= told[key]:
                continue
            told.pop(key, None)
            told[key] = mark
            if len(told) > MAX_KEYS:
                del told[next(iter(told))]
            expires_at = event.get("expiresAt")
            yield Change(
                key=key,
                version=event["version"],
                deleted=event["deleted"],
                value=from_blob(event["value"]) if "value" in event else b"",
                expires_at=None if expires_at is None else instant(expires_at),
                token=event.get("token"),
            )
