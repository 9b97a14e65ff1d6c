"""Key-value: bytes under keys, replicated."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any, Literal

from .caller import Call, Repeat
from .cas import AsyncCas, Cas
from .failure import P2posError
from .kv_answers import (
    KvDeletion,
    KvEntry,
    KvHead,
    KvPage,
    KvReceipt,
    ReceiptKind,
    deletion_of,
    entry_of,
    head_of,
    page_of,
    receipt_of,
)
from .portal import Portal
from .stream import AsyncStream, Stream
from .subscription import Subscriber
from .watch import WatchEvent, watch
from .wire import duration, flag

Consistency = Literal["one", "quorum", "all"]


class AsyncKv:
    #: Keys that change only by agreement; they never meet those here.
    cas: AsyncCas

    def __init__(self, call: Call, subscriber: Subscriber, call_timeout_ms: int) -> None:
        self._call = call
        self._subscriber = subscriber
        self.cas = AsyncCas(call, call_timeout_ms)

    async def put(
        self,
        key: str,
        value: bytes | str,
        *,
        ttl_ms: int | None = None,
        receipt: ReceiptKind | None = None,
        explain: bool = False,
        idempotency_key: str | None = None,
        repeat: Repeat | None = None,
        timeout_ms: int | None = None,
    ) -> KvReceipt:
        """
        Returns when a majority of the key's replicas have the value on disk. Where an answer is lost it is asked for again,
        at another node if need be, which writes anew: over what others wrote since the first try. What must be done once
        belongs under ``cas``.

        :param repeat: ``same-node``: only where it was asked first, which remembers it for 24 h, as long as it runs.
            ``never``: the call fails, and whether it was done is not known.
        """
        fields = {
            "key": key,
            "body": value.encode("utf-8") if isinstance(value, str) else bytes(value),
            "ttlMs": None if ttl_ms is None else duration(ttl_ms),
            "receipt": receipt,
            "explain": flag(True) if explain else None,
            "idempotencyKey": idempotency_key,
        }
        return receipt_of(await self._call("kv.put", fields, timeout_ms, repeat))

    async def get(
        self,
        key: str,
        *,
        consistency: Consistency | None = None,
        explain: bool = False,
        timeout_ms: int | None = None,
    ) -> KvEntry | None:
        """None: there is nothing under the key."""
        fields = {
            "key": key,
            "consistency": consistency,
            "explain": flag(True) if explain else None,
        }
        found = await _or_none(self._call, "kv.get", fields, timeout_ms)
        return None if found is None else entry_of(found)

    async def head(
        self,
        key: str,
        *,
        consistency: Consistency | None = None,
        explain: bool = False,
        timeout_ms: int | None = None,
    ) -> KvHead | None:
        fields = {
            "key": key,
            "consistency": consistency,
            "explain": flag(True) if explain else None,
        }
        found = await _or_none(self._call, "kv.head", fields, timeout_ms)
        return None if found is None else head_of(found)

    async def exists(
        self, key: str, *, consistency: Consistency | None = None, timeout_ms: int | None = None
    ) -> bool:
        return await self.head(key, consistency=consistency, timeout_ms=timeout_ms) is not None

    async def delete(
        self,
        key: str,
        *,
        receipt: ReceiptKind | None = None,
        explain: bool = False,
        idempotency_key: str | None = None,
        repeat: Repeat | None = None,
        timeout_ms: int | None = None,
    ) -> KvDeletion:
        """Repeated as ``put`` is."""
        fields = {
            "key": key,
            "receipt": receipt,
            "explain": flag(True) if explain else None,
            "idempotencyKey": idempotency_key,
        }
        return deletion_of(await self._call("kv.delete", fields, timeout_ms, repeat))

    async def page(
        self,
        prefix: str = "",
        *,
        limit: int | None = None,
        cursor: str | None = None,
        partial: bool = False,
        timeout_ms: int | None = None,
    ) -> KvPage:
        fields = {
            "prefix": prefix or None,
            "limit": None if limit is None else str(limit),
            "cursor": cursor,
            "partial": flag(True) if partial else None,
        }
        return page_of(await self._call("kv.list", fields, timeout_ms))

    async def list(
        self,
        prefix: str = "",
        *,
        page_size: int = 500,
        partial: bool = False,
        timeout_ms: int | None = None,
    ) -> AsyncGenerator[str, None]:
        """All keys that begin with the prefix, in byte order, fetched as they are consumed."""
        cursor: str | None = None
        while True:
            page = await self.page(
                prefix, limit=page_size, cursor=cursor, partial=partial, timeout_ms=timeout_ms
            )
            for key in page.keys:
                yield key
            cursor = page.cursor
            if cursor is None:
                return

    def watch(
        self, prefix: str = "", *, since: str | None = None, cas: bool = False
    ) -> AsyncStream[WatchEvent]:
        """
        What is under the keys that begin with the prefix, and every change of it, over lost connections and nodes. Of
        one key nothing older comes after something newer.

        :param since: go on from the token of an earlier event instead of beginning with what is there.
        """
        return AsyncStream(watch(self._subscriber, prefix, since=since, cas=cas))


async def _or_none(
    call: Call, method: str, fields: dict[str, Any], timeout_ms: int | None
) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await call(method, fields, timeout_ms)
        return found
    except P2posError as error:
        if error.code == "KV_KEY_NOT_FOUND":
            return None
        raise


class Kv:
    """As :class:`AsyncKv`, for code without an event loop."""

    cas: Cas

    def __init__(self, portal: Portal, kv: AsyncKv) -> None:
        self._portal = portal
        self._kv = kv
        self.cas = Cas(portal, kv.cas)

    def put(
        self,
        key: str,
        value: bytes | str,
        *,
        ttl_ms: int | None = None,
        receipt: ReceiptKind | None = None,
        explain: bool = False,
        idempotency_key: str | None = None,
        repeat: Repeat | None = None,
        timeout_ms: int | None = None,
    ) -> KvReceipt:
        return self._portal.run(
            self._kv.put(
                key,
                value,
                ttl_ms=ttl_ms,
                receipt=receipt,
                explain=explain,
                idempotency_key=idempotency_key,
                repeat=repeat,
                timeout_ms=timeout_ms,
            )
        )

    def get(
        self,
        key: str,
        *,
        consistency: Consistency | None = None,
        explain: bool = False,
        timeout_ms: int | None = None,
    ) -> KvEntry | None:
        return self._portal.run(
            self._kv.get(key, consistency=consistency, explain=explain, timeout_ms=timeout_ms)
        )

    def head(
        self,
        key: str,
        *,
        consistency: Consistency | None = None,
        explain: bool = False,
        timeout_ms: int | None = None,
    ) -> KvHead | None:
        return self._portal.run(
            self._kv.head(key, consistency=consistency, explain=explain, timeout_ms=timeout_ms)
        )

    def exists(
        self, key: str, *, consistency: Consistency | None = None, timeout_ms: int | None = None
    ) -> bool:
        return self.head(key, consistency=consistency, timeout_ms=timeout_ms) is not None

    def delete(
        self,
        key: str,
        *,
        receipt: ReceiptKind | None = None,
        explain: bool = False,
        idempotency_key: str | None = None,
        repeat: Repeat | None = None,
        timeout_ms: int | None = None,
    ) -> KvDeletion:
        return self._portal.run(
            self._kv.delete(
                key,
                receipt=receipt,
                explain=explain,
                idempotency_key=idempotency_key,
                repeat=repeat,
                timeout_ms=timeout_ms,
            )
        )

    def page(
        self,
        prefix: str = "",
        *,
        limit: int | None = None,
        cursor: str | None = None,
        partial: bool = False,
        timeout_ms: int | None = None,
    ) -> KvPage:
        return self._portal.run(
            self._kv.page(
                prefix, limit=limit, cursor=cursor, partial=partial, timeout_ms=timeout_ms
            )
        )

    def list(
        self,
        prefix: str = "",
        *,
        page_size: int = 500,
        partial: bool = False,
        timeout_ms: int | None = None,
    ) -> Iterator[str]:
        keys = self._kv.list(prefix, page_size=page_size, partial=partial, timeout_ms=timeout_ms)
        return Stream(self._portal, AsyncStream(keys))

    def watch(
        self, prefix: str = "", *, since: str | None = None, cas: bool = False
    ) -> Stream[WatchEvent]:
        return Stream(self._portal, self._kv.watch(prefix, since=since, cas=cas))
