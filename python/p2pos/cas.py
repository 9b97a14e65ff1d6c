"""
``client.kv.cas``: keys that change only under conditions that hold, and locks.

Every call raises CAS_CONDITION_FAILED {version | None} where its condition does not hold.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from .caller import Call
from .failure import P2posError
from .kv_answers import (
    KvDeletion,
    KvEntry,
    KvPage,
    KvReceipt,
    ReceiptKind,
    deletion_of,
    entry_of,
    page_of,
    receipt_of,
)
from .lock import DEFAULT_TTL_MS, AsyncLock, Lock, take_lock
from .portal import Portal
from .stream import AsyncStream, Stream
from .wire import duration, etag, flag


class AsyncCas:
    def __init__(self, call: Call, call_timeout_ms: int) -> None:
        self._call = call
        #: Of a call that says nothing else.
        self._call_timeout_ms = call_timeout_ms

    async def put(
        self,
        key: str,
        value: bytes | str,
        *,
        if_version: str | None = None,
        if_absent: bool = False,
        ttl_ms: int | None = None,
        receipt: ReceiptKind | None = None,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> KvReceipt:
        fields = {
            "key": key,
            "cas": flag(True),
            "body": value.encode("utf-8") if isinstance(value, str) else bytes(value),
            "ttlMs": None if ttl_ms is None else duration(ttl_ms),
            "ifMatch": None if if_version is None else etag(if_version),
            "ifNoneMatch": "*" if if_absent else None,
            "receipt": receipt,
            "idempotencyKey": idempotency_key,
        }
        return receipt_of(await self._call("kv.put", fields, timeout_ms))

    async def get(self, key: str, *, timeout_ms: int | None = None) -> KvEntry | None:
        """Linearizable. None: there is nothing under the key."""
        try:
            found = await self._call("kv.get", {"key": key, "cas": flag(True)}, timeout_ms)
            return entry_of(found)
        except P2posError as error:
            if error.code == "KV_KEY_NOT_FOUND":
                return None
            raise

    async def compare_and_set(
        self,
        key: str,
        value: bytes | str,
        version: str | None,
        *,
        ttl_ms: int | None = None,
        receipt: ReceiptKind | None = None,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> KvReceipt:
        """:param version: as read before; None: nothing was there."""
        return await self.put(
            key,
            value,
            if_version=version,
            if_absent=version is None,
            ttl_ms=ttl_ms,
            receipt=receipt,
            idempotency_key=idempotency_key,
            timeout_ms=timeout_ms,
        )

    async def delete(
        self,
        key: str,
        *,
        if_version: str | None = None,
        receipt: ReceiptKind | None = None,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> KvDeletion:
        fields = {
            "key": key,
            "cas": flag(True),
            "ifMatch": None if if_version is None else etag(if_version),
            "receipt": receipt,
            "idempotencyKey": idempotency_key,
        }
        return deletion_of(await self._call("kv.delete", fields, timeout_ms))

    async def page(
        self,
        prefix: str = "",
        *,
        limit: int | None = None,
        cursor: str | None = None,
        partial: bool = False,
        timeout_ms: int | None = None,
    ) -> KvPage:
        fields: dict[str, Any] = {
            "cas": flag(True),
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
        """All keys that begin with the prefix, in byte order; linearizable per key."""
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

    async def lock(
        self,
        key: str,
        *,
        ttl_ms: int = DEFAULT_TTL_MS,
        wait_ms: int = 0,
        timeout_ms: int | None = None,
    ) -> AsyncLock | None:
        """
        Renewed by itself until released. None: another holds it.

        :param ttl_ms: how long it outlives a holder that is gone; 1 s to 1 h.
        :param wait_ms: how long to wait for another holder.
        """
        timeout_ms = self._call_timeout_ms if timeout_ms is None else timeout_ms
        return await take_lock(
            self._call, key, ttl_ms=ttl_ms, wait_ms=wait_ms, timeout_ms=timeout_ms
        )


class Cas:
    """As :class:`AsyncCas`, for code without an event loop."""

    def __init__(self, portal: Portal, cas: AsyncCas) -> None:
        self._portal = portal
        self._cas = cas

    def put(
        self,
        key: str,
        value: bytes | str,
        *,
        if_version: str | None = None,
        if_absent: bool = False,
        ttl_ms: int | None = None,
        receipt: ReceiptKind | None = None,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> KvReceipt:
        return self._portal.run(
            self._cas.put(
                key,
                value,
                if_version=if_version,
                if_absent=if_absent,
                ttl_ms=ttl_ms,
                receipt=receipt,
                idempotency_key=idempotency_key,
                timeout_ms=timeout_ms,
            )
        )

    def get(self, key: str, *, timeout_ms: int | None = None) -> KvEntry | None:
        return self._portal.run(self._cas.get(key, timeout_ms=timeout_ms))

    def compare_and_set(
        self,
        key: str,
        value: bytes | str,
        version: str | None,
        *,
        ttl_ms: int | None = None,
        receipt: ReceiptKind | None = None,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> KvReceipt:
        return self._portal.run(
            self._cas.compare_and_set(
                key,
                value,
                version,
                ttl_ms=ttl_ms,
                receipt=receipt,
                idempotency_key=idempotency_key,
                timeout_ms=timeout_ms,
            )
        )

    def delete(
        self,
        key: str,
        *,
        if_version: str | None = None,
        receipt: ReceiptKind | None = None,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> KvDeletion:
        return self._portal.run(
            self._cas.delete(
                key,
                if_version=if_version,
                receipt=receipt,
                idempotency_key=idempotency_key,
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
            self._cas.page(
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
        keys = self._cas.list(prefix, page_size=page_size, partial=partial, timeout_ms=timeout_ms)
        return Stream(self._portal, AsyncStream(keys))

    def lock(
        self,
        key: str,
        *,
        ttl_ms: int = DEFAULT_TTL_MS,
        wait_ms: int = 0,
        timeout_ms: int | None = None,
    ) -> Lock | None:
        lock = self._portal.run(
            self._cas.lock(key, ttl_ms=ttl_ms, wait_ms=wait_ms, timeout_ms=timeout_ms)
        )
        return None if lock is None else Lock(self._portal, lock)
