"""Rendezvous: who is there under a name, for as long as they say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .answers import RendezvousRegister
from .caller import Call
from .portal import Portal
from .wire import duration, from_blob, to_blob


@dataclass(frozen=True)
class Registration:
    name: str
    #: Multiaddrs, URLs or host:port.
    addresses: tuple[str, ...]
    #: What was registered with it.
    data: bytes | None
    #: Peer id of the node that registered it.
    by: str
    #: RFC 3339.
    expires_at: str


@dataclass(frozen=True)
class Discovered:
    #: The newest first.
    registrations: tuple[Registration, ...]
    #: There are more than were asked for.
    more: bool


class AsyncRendezvous:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def register(
        self,
        namespace: str,
        name: str,
        *,
        addresses: Sequence[str] = (),
        data: bytes | str | None = None,
        ttl_ms: int | None = None,
        timeout_ms: int | None = None,
    ) -> RendezvousRegister:
        """For ``ttl_ms``, 10 s to 24 h, by default one hour; again to renew. At most 8 addresses and 256 bytes of data."""
        body: dict[str, Any] = {"addresses": list(addresses)}
        if data is not None:
            body["data"] = to_blob(data.encode() if isinstance(data, str) else data)
        fields = {"namespace": namespace, "name": name, "body": body}
        if ttl_ms is not None:
            fields["ttlMs"] = duration(ttl_ms)
        done: RendezvousRegister = await self._call("rendezvous.register", fields, timeout_ms)
        return done

    async def withdraw(self, namespace: str, name: str, *, timeout_ms: int | None = None) -> bool:
        """Whether it was there; through the same node as ``register``."""
        fields = {"namespace": namespace, "name": name}
        done = await self._call("rendezvous.withdraw", fields, timeout_ms)
        existed: bool = done["existed"]
        return existed

    async def discover(
        self, namespace: str, *, limit: int | None = None, timeout_ms: int | None = None
    ) -> Discovered:
        """By default at most 100."""
        fields: dict[str, Any] = {"namespace": namespace}
        if limit is not None:
            fields["limit"] = str(limit)
        found = await self._call("rendezvous.discover", fields, timeout_ms)
        registrations = tuple(_registration(one) for one in found["registrations"])
        return Discovered(registrations, found["more"])


class Rendezvous:
    """As :class:`AsyncRendezvous`, for code without an event loop."""

    def __init__(self, portal: Portal, rendezvous: AsyncRendezvous) -> None:
        self._portal = portal
        self._rendezvous = rendezvous

    def register(
        self,
        namespace: str,
        name: str,
        *,
        addresses: Sequence[str] = (),
        data: bytes | str | None = None,
        ttl_ms: int | None = None,
        timeout_ms: int | None = None,
    ) -> RendezvousRegister:
        return self._portal.run(
            self._rendezvous.register(
                namespace,
                name,
                addresses=addresses,
                data=data,
                ttl_ms=ttl_ms,
                timeout_ms=timeout_ms,
            )
        )

    def withdraw(self, namespace: str, name: str, *, timeout_ms: int | None = None) -> bool:
        return self._portal.run(self._rendezvous.withdraw(namespace, name, timeout_ms=timeout_ms))

    def discover(
        self, namespace: str, *, limit: int | None = None, timeout_ms: int | None = None
    ) -> Discovered:
        return self._portal.run(
            self._rendezvous.discover(namespace, limit=limit, timeout_ms=timeout_ms)
        )


def _registration(wire: Any) -> Registration:
    data = wire.get("data")
    return Registration(
        name=wire["name"],
        addresses=tuple(wire["addresses"]),
        data=None if data is None else from_blob(data),
        by=wire["by"],
        expires_at=wire["expiresAt"],
    )
