"""The network's view from one node: its own state and what it knows of the others."""

from __future__ import annotations

from collections.abc import Sequence

from .answers import (
    NetworkConnect,
    NetworkDisconnect,
    NetworkInvite,
    NetworkPeersPeersItem,
    NetworkStatus,
)
from .caller import Call
from .portal import Portal


class AsyncNetwork:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def status(self, *, timeout_ms: int | None = None) -> NetworkStatus:
        """Of the node that answers."""
        status: NetworkStatus = await self._call("network.status", {}, timeout_ms)
        return status

    async def peers(self, *, timeout_ms: int | None = None) -> list[NetworkPeersPeersItem]:
        """All members and connected peers as that node sees them, itself included."""
        peers: list[NetworkPeersPeersItem] = (await self._call("network.peers", {}, timeout_ms))[
            "peers"
        ]
        return peers

    async def connect(self, address: str, *, timeout_ms: int | None = None) -> NetworkConnect:
        """Dials a multiaddr at once. Raises ADDRESS_INVALID, PEER_UNREACHABLE."""
        fields = {"body": {"address": address}}
        done: NetworkConnect = await self._call("network.connect", fields, timeout_ms)
        return done

    async def disconnect(
        self, peer: str, *, hold_ms: int | None = None, timeout_ms: int | None = None
    ) -> NetworkDisconnect:
        """Closes all connections to a peer and keeps it away for ``hold_ms``, by default a minute."""
        body: dict[str, object] = {"peer": peer}
        if hold_ms is not None:
            body["holdMs"] = hold_ms
        done: NetworkDisconnect = await self._call("network.disconnect", {"body": body}, timeout_ms)
        return done

    async def invite(
        self, *, addresses: Sequence[str] | None = None, timeout_ms: int | None = None
    ) -> NetworkInvite:
        """What another machine needs to find the system, signed by that node."""
        body = {} if addresses is None else {"addresses": list(addresses)}
        made: NetworkInvite = await self._call("network.invite", {"body": body}, timeout_ms)
        return made


class Network:
    """As :class:`AsyncNetwork`, for code without an event loop."""

    def __init__(self, portal: Portal, network: AsyncNetwork) -> None:
        self._portal = portal
        self._network = network

    def status(self, *, timeout_ms: int | None = None) -> NetworkStatus:
        return self._portal.run(self._network.status(timeout_ms=timeout_ms))

    def peers(self, *, timeout_ms: int | None = None) -> list[NetworkPeersPeersItem]:
        return self._portal.run(self._network.peers(timeout_ms=timeout_ms))

    def connect(self, address: str, *, timeout_ms: int | None = None) -> NetworkConnect:
        return self._portal.run(self._network.connect(address, timeout_ms=timeout_ms))

    def disconnect(
        self, peer: str, *, hold_ms: int | None = None, timeout_ms: int | None = None
    ) -> NetworkDisconnect:
        return self._portal.run(
            self._network.disconnect(peer, hold_ms=hold_ms, timeout_ms=timeout_ms)
        )

    def invite(
        self, *, addresses: Sequence[str] | None = None, timeout_ms: int | None = None
    ) -> NetworkInvite:
        return self._portal.run(self._network.invite(addresses=addresses, timeout_ms=timeout_ms))
