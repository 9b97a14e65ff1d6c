"""Several calls as one transaction."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .caller import Call
from .failure import P2posError
from .portal import Portal
from .sql_answers import SqlParams, SqlResult, SqlRow, result_of, statement_of


class AsyncTransaction:
    """
    Serializable; undone when its block is left without a commit. Engine sqlite: others wait, 10 s at most. rqlite: writes are
    done at the commit, which fails with SQL_CONFLICT where what was read has changed.

    ::

        async with await client.sql("shop").begin() as transaction:
            rows = await transaction.query("SELECT count FROM stock WHERE id = ?", [7])
            await transaction.execute("UPDATE stock SET count = ? WHERE id = ?", [rows[0]["count"] - 1, 7])
            await transaction.commit()
    """

    def __init__(self, call: Call, database: str, transaction: str) -> None:
        self._call = call
        self._fields: dict[str, Any] = {"database": database, "transaction": transaction}
        self._over = False

    async def execute(
        self, sql: str, params: SqlParams | None = None, *, timeout_ms: int | None = None
    ) -> SqlResult:
        fields = {**self._fields, "body": statement_of(sql, params)}
        return result_of(await self._call("sql.step", fields, timeout_ms))

    async def query(
        self, sql: str, params: SqlParams | None = None, *, timeout_ms: int | None = None
    ) -> list[SqlRow]:
        """Sees what was done in it before; with rqlite it must not ask for what was changed in it."""
        found = (await self.execute(sql, params, timeout_ms=timeout_ms)).returned
        return [] if found is None else [dict(zip(found.columns, row)) for row in found.rows]

    async def commit(self, *, timeout_ms: int | None = None) -> list[SqlResult]:
        """What the statements did that were deferred to the commit (engine rqlite)."""
        self._over = True
        told = await self._call("sql.commit", self._fields, timeout_ms)
        return [result_of(result) for result in told.get("results", ())]

    async def rollback(self, *, timeout_ms: int | None = None) -> None:
        self._over = True
        await self._call("sql.rollback", self._fields, timeout_ms)

    async def __aenter__(self) -> AsyncTransaction:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._over:
            return
        try:
            await self.rollback()
        except P2posError:
            # Without it the transaction ends by itself.
            pass


class Transaction:
    """As :class:`AsyncTransaction`, for code without an event loop."""

    def __init__(self, portal: Portal, transaction: AsyncTransaction) -> None:
        self._portal = portal
        self._transaction = transaction

    def execute(
        self, sql: str, params: SqlParams | None = None, *, timeout_ms: int | None = None
    ) -> SqlResult:
        return self._portal.run(self._transaction.execute(sql, params, timeout_ms=timeout_ms))

    def query(
        self, sql: str, params: SqlParams | None = None, *, timeout_ms: int | None = None
    ) -> list[SqlRow]:
        return self._portal.run(self._transaction.query(sql, params, timeout_ms=timeout_ms))

    def commit(self, *, timeout_ms: int | None = None) -> list[SqlResult]:
        return self._portal.run(self._transaction.commit(timeout_ms=timeout_ms))

    def rollback(self, *, timeout_ms: int | None = None) -> None:
        self._portal.run(self._transaction.rollback(timeout_ms=timeout_ms))

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._portal.run(self._transaction.__aexit__(kind, error, trace))
