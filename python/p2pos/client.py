"""``connect`` and ``connect_async``: the client of one system, for code with and without an event loop."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from .answers import AppsWhoami, HealthRead
from .apps import Apps, AsyncApps
from .caller import Caller, Limits, Repeat, Transport
from .failure import P2posError, bad_request
from .http_transport import HttpTransport
from .kv import AsyncKv, Kv
from .members import AsyncMembers, Members
from .network import AsyncNetwork, Network
from .portal import Portal
from .pubsub import AsyncPubsub, Pubsub
from .rendezvous import AsyncRendezvous, Rendezvous
from .socket_transport import SocketTransport
from .sql import AsyncSql, Sql
from .stream import AsyncStream, Stream
from .subscription import Subscriber
from .topics import AsyncTopics, Topics

T = TypeVar("T")

TransportName = Literal["socket", "http"]


class AsyncClient:
    """Belongs to the event loop of its first call."""

    kv: AsyncKv
    pubsub: AsyncPubsub
    topics: AsyncTopics
    sql: AsyncSql
    rendezvous: AsyncRendezvous
    apps: AsyncApps
    network: AsyncNetwork
    members: AsyncMembers

    def __init__(
        self,
        url: str | Sequence[str],
        token: str | None = None,
        *,
        app: str | None = None,
        timeout_ms: int = 30_000,
        attempt_timeout_ms: int | None = None,
        max_attempts: int | None = None,
        transport: TransportName | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        urls = [_base_url(one) for one in ([url] if isinstance(url, str) else url)]
        if not urls:
            raise bad_request("connect needs the address of a node.")
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        if app is not None:
            headers["x-p2pos-app"] = app
        http = HttpTransport(urls, headers, tls)
        self._sockets = SocketTransport(urls, token=token, app=app, tls=tls, http=http)
        chosen = transport or ("http" if token is None else "socket")
        used: Transport = http
        if chosen == "socket":
            used = self._sockets
        several = len(urls) > 1
        limits = Limits(
            timeout_ms=timeout_ms,
            attempt_timeout_ms=attempt_timeout_ms or (10_000 if several else None),
            max_attempts=max_attempts or max(4, len(urls)),
        )
        self._caller = Caller(used, urls, limits)
        self._subscriber = Subscriber(self._sockets, len(urls))
        self._closed = False
        self.kv = AsyncKv(self.call, self._subscriber, timeout_ms)
        self.pubsub = AsyncPubsub(self.call, self._subscriber)
        self.topics = AsyncTopics(self.call, self._subscriber)
        self.sql = AsyncSql(self.call, self._subscriber)
        self.rendezvous = AsyncRendezvous(self.call)
        self.apps = AsyncApps(self.call)
        self.network = AsyncNetwork(self.call)
        self.members = AsyncMembers(self.call)

    async def call(
        self,
        method: str,
        fields: Mapping[str, Any] | None = None,
        timeout_ms: int | None = None,
        repeat: Repeat | None = None,
    ) -> Any:
        """Any operation of the contract by its name, as ``kv.put``; fields in the form that they have on the wire."""
        if self._closed:
            raise P2posError("CLIENT_CLOSED")
        return await self._caller(method, fields, timeout_ms, repeat)

    def subscribe(
        self, kind: str, fields: Mapping[str, Any] | None = None
    ) -> AsyncStream[Mapping[str, Any]]:
        """
        Any stream of the contract by its kind, as ``kv``; events as they are on the wire, ``open`` first and again after each
        reconnect, which asks for the same again.
        """
        if self._closed:
            raise P2posError("CLIENT_CLOSED")
        return AsyncStream(self._subscriber.follow(kind, lambda: fields or {}))

    async def health(self, *, timeout_ms: int | None = None) -> HealthRead:
        """Needs no token on the node's own machine."""
        health: HealthRead = await self.call("health.read", {}, timeout_ms)
        return health

    async def whoami(self, *, timeout_ms: int | None = None) -> AppsWhoami:
        """Whose token this client has and what it allows."""
        found: AppsWhoami = await self.call("apps.whoami", {}, timeout_ms)
        return found

    async def close(self) -> None:
        """Takes no new calls, ends what is followed, closes the connections."""
        self._closed = True
        self._subscriber.close()
        await self._sockets.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Client:
    """As :class:`AsyncClient`, for code without an event loop; threads may share it."""

    kv: Kv
    pubsub: Pubsub
    topics: Topics
    sql: Sql
    rendezvous: Rendezvous
    apps: Apps
    network: Network
    members: Members

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._portal = Portal()
        self.kv = Kv(self._portal, client.kv)
        self.pubsub = Pubsub(self._portal, client.pubsub)
        self.topics = Topics(self._portal, client.topics)
        self.sql = Sql(self._portal, client.sql)
        self.rendezvous = Rendezvous(self._portal, client.rendezvous)
        self.apps = Apps(self._portal, client.apps)
        self.network = Network(self._portal, client.network)
        self.members = Members(self._portal, client.members)

    def call(
        self,
        method: str,
        fields: Mapping[str, Any] | None = None,
        timeout_ms: int | None = None,
        repeat: Repeat | None = None,
    ) -> Any:
        return self._portal.run(self._client.call(method, fields, timeout_ms, repeat))

    def subscribe(
        self, kind: str, fields: Mapping[str, Any] | None = None
    ) -> Stream[Mapping[str, Any]]:
        return Stream(self._portal, self._client.subscribe(kind, fields))

    def health(self, *, timeout_ms: int | None = None) -> HealthRead:
        return self._portal.run(self._client.health(timeout_ms=timeout_ms))

    def whoami(self, *, timeout_ms: int | None = None) -> AppsWhoami:
        return self._portal.run(self._client.whoami(timeout_ms=timeout_ms))

    def close(self) -> None:
        if self._portal.closed:
            return
        try:
            self._portal.run(self._client.close())
        finally:
            self._portal.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect_async(
    url: str | Sequence[str],
    token: str | None = None,
    *,
    app: str | None = None,
    timeout_ms: int = 30_000,
    attempt_timeout_ms: int | None = None,
    max_attempts: int | None = None,
    transport: TransportName | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncClient:
    """
    Nothing is sent before the first call.

    :param url: one node of the system, or several: the next is asked when one does not answer.
    :param token: ``p2pos_…``
    :param app: only with the operator's token, which acts in ``default`` otherwise; a tenant's token names its app.
    :param timeout_ms: for each call, repeats included.
    :param attempt_timeout_ms: for one node to answer; 10 s with several nodes, else as long as the call.
    :param max_attempts: per call; 1 means never again. Default 4, and at least once at each node.
    :param transport: ``socket``: one WebSocket a node, and HTTP where none can be had. Default: that, given a token.
    :param tls: for nodes whose certificate the system's authorities did not sign.
    :raises P2posError: BAD_REQUEST for what is no address.
    """
    return AsyncClient(
        url,
        token,
        app=app,
        timeout_ms=timeout_ms,
        attempt_timeout_ms=attempt_timeout_ms,
        max_attempts=max_attempts,
        transport=transport,
        tls=tls,
    )


def connect(
    url: str | Sequence[str],
    token: str | None = None,
    *,
    app: str | None = None,
    timeout_ms: int = 30_000,
    attempt_timeout_ms: int | None = None,
    max_attempts: int | None = None,
    transport: TransportName | None = None,
    tls: ssl.SSLContext | None = None,
) -> Client:
    """As :func:`connect_async`, for code without an event loop."""
    return Client(
        AsyncClient(
            url,
            token,
            app=app,
            timeout_ms=timeout_ms,
            attempt_timeout_ms=attempt_timeout_ms,
            max_attempts=max_attempts,
            transport=transport,
            tls=tls,
        )
    )


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if host and parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    raise bad_request(f"{text} is no http:// or https:// address.")
