"""The members of the system: who belongs to it, by which signed snapshot."""

from __future__ import annotations

from .answers import MembersList, MembersPush, MembersRoot
from .caller import Call
from .portal import Portal


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
