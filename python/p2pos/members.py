"""The members of the system: who belongs to it, by which signed snapshot."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Literal

from .answers import (
    MembersDocuments,
    MembersDocumentsDocumentsItem,
    MembersList,
    MembersPush,
    MembersRoot,
)
from .caller import Call
from .portal import Portal
from .stream import AsyncStream, Stream

DocumentList = Literal["rotations", "revocations", "snapshots", "branches"]


class AsyncMembers:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def list(self, *, timeout_ms: int | None = None) -> MembersList:
        """With the epoch and the hash of the snapshot in force."""
        found: MembersList = await self._call("members.list", {}, timeout_ms)
        return found

    async def snapshot(self, *, timeout_ms: int | None = None) -> bytes:
        """The signed snapshot in force, byte for byte. Raises MEMBERS_SNAPSHOT_NONE."""
        found = await self._call("members.snapshot", {}, timeout_ms)
        body: bytes = found["body"]
        return body

    async def push(self, snapshot: bytes, *, timeout_ms: int | None = None) -> MembersPush:
        """Hands a signed snapshot to the node."""
        done: MembersPush = await self._call("members.push", {"body": snapshot}, timeout_ms)
        return done

    async def root(self, *, timeout_ms: int | None = None) -> MembersRoot:
        """The keys that found and govern the system, and what contradicts them."""
        found: MembersRoot = await self._call("members.root", {}, timeout_ms)
        return found

    async def documents(
        self, which: DocumentList, *, timeout_ms: int | None = None
    ) -> AsyncGenerator[MembersDocumentsDocumentsItem, None]:
        """The signed documents that the node holds, oldest first, fetched as they are consumed; ``bytes`` is base64url."""
        cursor: str | None = None
        while True:
            page: MembersDocuments = await self._call(
                "members.documents", {"list": which, "cursor": cursor}, timeout_ms
            )
            for document in page["documents"]:
                yield document
            cursor = page["cursor"]
            if cursor is None:
                return


class Members:
    """As :class:`AsyncMembers`, for code without an event loop."""

    def __init__(self, portal: Portal, members: AsyncMembers) -> None:
        self._portal = portal
        self._members = members

    def list(self, *, timeout_ms: int | None = None) -> MembersList:
        return self._portal.run(self._members.list(timeout_ms=timeout_ms))

    def snapshot(self, *, timeout_ms: int | None = None) -> bytes:
        return self._portal.run(self._members.snapshot(timeout_ms=timeout_ms))

    def push(self, snapshot: bytes, *, timeout_ms: int | None = None) -> MembersPush:
        return self._portal.run(self._members.push(snapshot, timeout_ms=timeout_ms))

    def root(self, *, timeout_ms: int | None = None) -> MembersRoot:
        return self._portal.run(self._members.root(timeout_ms=timeout_ms))

    def documents(
        self, which: DocumentList, *, timeout_ms: int | None = None
    ) -> Iterator[MembersDocumentsDocumentsItem]:
        documents = self._members.documents(which, timeout_ms=timeout_ms)
        return Stream(self._portal, AsyncStream(documents))
