"""
SQL: databases by name. Values are None, int within 64 bits, float, str and bytes; a float without a fraction arrives as an
integer unless the column is REAL, since JSON knows one kind of number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .answers import SqlCreate, SqlListDatabasesItem, SqlSchema, SqlStatus
from .caller import Call
from .portal import Portal
from .wire import from_integer, from_sql, to_sql

SqlValue = None | int | float | str | bytes
#: By position for ``?`` and ``?NNN``, or by name for ``:a``, ``@a`` and ``$a``.
SqlParams = Sequence[SqlValue] | Mapping[str, SqlValue]
#: A text, or a text with its parameters.
SqlStatement = str | tuple[str, SqlParams]
SqlRow = dict[str, SqlValue]
SqlConsistency = Literal["none", "weak", "linearizable"]
SqlEngine = Literal["sqlite", "rqlite"]


@dataclass(frozen=True)
class SqlRowSet:
    columns: tuple[str, ...]
    rows: tuple[tuple[SqlValue, ...], ...]


@dataclass(frozen=True)
class SqlResult:
    #: Rows that the statement itself inserted, changed or deleted.
    changes: int
    #: Row id of the last insert; None: it inserted none.
    last_insert_id: int | None
    #: What RETURNING, or a SELECT within a transaction, gave.
    returned: SqlRowSet | None = None


class AsyncDatabase:
    def __init__(self, call: Call, name: str) -> None:
        self.name = name
        self._call = call

    async def query(
        self,
        sql: str,
        params: SqlParams | None = None,
        *,
        consistency: SqlConsistency | None = None,
        timeout_ms: int | None = None,
    ) -> list[SqlRow]:
        """Rows as dicts by column."""
        found = await self.rows(sql, params, consistency=consistency, timeout_ms=timeout_ms)
        return [dict(zip(found.columns, row)) for row in found.rows]

    async def rows(
        self,
        sql: str,
        params: SqlParams | None = None,
        *,
        consistency: SqlConsistency | None = None,
        timeout_ms: int | None = None,
    ) -> SqlRowSet:
        """Rows as tuples, with the names of the columns."""
        body = _statement(sql, params)
        if consistency is not None:
            body["consistency"] = consistency
        fields = {"database": self.name, "body": body}
        return _row_set(await self._call("sql.query", fields, timeout_ms))

    async def execute(
        self,
        sql: str,
        params: SqlParams | None = None,
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> SqlResult:
        """Returns when it is durable. A repeat under the same key has no second effect."""
        fields = {
            "database": self.name,
            "idempotencyKey": idempotency_key,
            "body": _statement(sql, params),
        }
        return _result(await self._call("sql.execute", fields, timeout_ms))

    async def transaction(
        self,
        statements: Sequence[SqlStatement],
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> list[SqlResult]:
        """All or nothing."""
        bodies = [
            _statement(one, None) if isinstance(one, str) else _statement(*one)
            for one in statements
        ]
        fields = {
            "database": self.name,
            "idempotencyKey": idempotency_key,
            "body": {"statements": bodies},
        }
        told = await self._call("sql.transaction", fields, timeout_ms)
        return [_result(result) for result in told["results"]]

    async def schema(self, *, timeout_ms: int | None = None) -> SqlSchema:
        found: SqlSchema = await self._call("sql.schema", {"database": self.name}, timeout_ms)
        return found

    async def status(self, *, timeout_ms: int | None = None) -> SqlStatus:
        found: SqlStatus = await self._call("sql.status", {"database": self.name}, timeout_ms)
        return found


class AsyncSql:
    """``client.sql("shop")`` is the database of that name."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __call__(self, name: str) -> AsyncDatabase:
        return AsyncDatabase(self._call, name)

    async def create(
        self,
        name: str,
        *,
        engine: SqlEngine | None = None,
        voters: Literal[1, 3, 5] | None = None,
        timeout_ms: int | None = None,
    ) -> SqlCreate:
        """``created: False``: one of that name was there, and nothing changed."""
        wish = {"engine": engine, "voters": voters}
        body = {field: value for field, value in wish.items() if value is not None}
        made: SqlCreate = await self._call(
            "sql.create", {"database": name, "body": body}, timeout_ms
        )
        return made

    async def drop(self, name: str, *, confirm: str, timeout_ms: int | None = None) -> bool:
        """
        Everything in it is lost.

        :param confirm: its name once more.
        :returns: whether there was one.
        """
        told = await self._call("sql.drop", {"database": name, "confirm": confirm}, timeout_ms)
        return bool(told["existed"])

    async def list(self, *, timeout_ms: int | None = None) -> list[SqlListDatabasesItem]:
        found: list[SqlListDatabasesItem] = (await self._call("sql.list", {}, timeout_ms))[
            "databases"
        ]
        return found


class Database:
    """As :class:`AsyncDatabase`, for code without an event loop."""

    def __init__(self, portal: Portal, database: AsyncDatabase) -> None:
        self.name = database.name
        self._portal = portal
        self._database = database

    def query(
        self,
        sql: str,
        params: SqlParams | None = None,
        *,
        consistency: SqlConsistency | None = None,
        timeout_ms: int | None = None,
    ) -> list[SqlRow]:
        return self._portal.run(
            self._database.query(sql, params, consistency=consistency, timeout_ms=timeout_ms)
        )

    def rows(
        self,
        sql: str,
        params: SqlParams | None = None,
        *,
        consistency: SqlConsistency | None = None,
        timeout_ms: int | None = None,
    ) -> SqlRowSet:
        return self._portal.run(
            self._database.rows(sql, params, consistency=consistency, timeout_ms=timeout_ms)
        )

    def execute(
        self,
        sql: str,
        params: SqlParams | None = None,
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> SqlResult:
        return self._portal.run(
            self._database.execute(
                sql, params, idempotency_key=idempotency_key, timeout_ms=timeout_ms
            )
        )

    def transaction(
        self,
        statements: Sequence[SqlStatement],
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> list[SqlResult]:
        return self._portal.run(
            self._database.transaction(
                statements, idempotency_key=idempotency_key, timeout_ms=timeout_ms
            )
        )

    def schema(self, *, timeout_ms: int | None = None) -> SqlSchema:
        return self._portal.run(self._database.schema(timeout_ms=timeout_ms))

    def status(self, *, timeout_ms: int | None = None) -> SqlStatus:
        return self._portal.run(self._database.status(timeout_ms=timeout_ms))


class Sql:
    """As :class:`AsyncSql`, for code without an event loop."""

    def __init__(self, portal: Portal, sql: AsyncSql) -> None:
        self._portal = portal
        self._sql = sql

    def __call__(self, name: str) -> Database:
        return Database(self._portal, self._sql(name))

    def create(
        self,
        name: str,
        *,
        engine: SqlEngine | None = None,
        voters: Literal[1, 3, 5] | None = None,
        timeout_ms: int | None = None,
    ) -> SqlCreate:
        return self._portal.run(
            self._sql.create(name, engine=engine, voters=voters, timeout_ms=timeout_ms)
        )

    def drop(self, name: str, *, confirm: str, timeout_ms: int | None = None) -> bool:
        return self._portal.run(self._sql.drop(name, confirm=confirm, timeout_ms=timeout_ms))

    def list(self, *, timeout_ms: int | None = None) -> list[SqlListDatabasesItem]:
        return self._portal.run(self._sql.list(timeout_ms=timeout_ms))


def _statement(sql: str, params: SqlParams | None) -> dict[str, Any]:
    if params is None:
        return {"sql": sql}
    if isinstance(params, Mapping):
        return {"sql": sql, "params": {name: to_sql(value) for name, value in params.items()}}
    return {"sql": sql, "params": [to_sql(value) for value in params]}


def _row_set(wire: Mapping[str, Any]) -> SqlRowSet:
    rows = tuple(tuple(from_sql(cell) for cell in row) for row in wire["rows"])
    return SqlRowSet(tuple(wire["columns"]), rows)


def _result(wire: Mapping[str, Any]) -> SqlResult:
    row_id = wire["lastInsertId"]
    returned = wire.get("returned")
    return SqlResult(
        changes=wire["changes"],
        last_insert_id=None if row_id is None else from_integer(row_id),
        returned=None if returned is None else _row_set(returned),
    )
