"""
SQL: databases by name. Values are None, int within 64 bits, float, str and bytes; a float without a fraction arrives as an
integer unless the column is REAL, since JSON knows one kind of number.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from .answers import (
    SqlAdjust,
    SqlCreate,
    SqlListDatabasesItem,
    SqlMigrate,
    SqlMove,
    SqlRecover,
    SqlSchema,
    SqlStatus,
)
from .caller import Call
from .portal import Portal
from .sql_answers import (
    LiveEvent,
    SqlConsistency,
    SqlEngine,
    SqlParams,
    SqlResult,
    SqlRow,
    SqlRowSet,
    SqlStatement,
    live_event_of,
    result_of,
    row_set_of,
    statement_of,
)
from .sql_transaction import AsyncTransaction, Transaction
from .stream import AsyncStream, Stream
from .subscription import Subscriber

#: A number from 1 without gaps, a name, and one or more statements.
Migration = tuple[int, str, str]
#: For a whole database to be copied.
MOVE_MS = 300_000


class AsyncDatabase:
    def __init__(self, call: Call, subscriber: Subscriber, name: str) -> None:
        self.name = name
        self._call = call
        self._subscriber = subscriber

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
        body = statement_of(sql, params)
        if consistency is not None:
            body["consistency"] = consistency
        fields = {"database": self.name, "body": body}
        return row_set_of(await self._call("sql.query", fields, timeout_ms))

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
            "body": statement_of(sql, params),
        }
        return result_of(await self._call("sql.execute", fields, timeout_ms))

    async def transaction(
        self,
        statements: Sequence[SqlStatement],
        *,
        idempotency_key: str | None = None,
        timeout_ms: int | None = None,
    ) -> list[SqlResult]:
        """All or nothing."""
        bodies = [
            statement_of(one, None) if isinstance(one, str) else statement_of(*one)
            for one in statements
        ]
        fields = {
            "database": self.name,
            "idempotencyKey": idempotency_key,
            "body": {"statements": bodies},
        }
        told = await self._call("sql.transaction", fields, timeout_ms)
        return [result_of(result) for result in told["results"]]

    async def schema(self, *, timeout_ms: int | None = None) -> SqlSchema:
        found: SqlSchema = await self._call("sql.schema", {"database": self.name}, timeout_ms)
        return found

    async def status(self, *, timeout_ms: int | None = None) -> SqlStatus:
        found: SqlStatus = await self._call("sql.status", {"database": self.name}, timeout_ms)
        return found

    def live(
        self, sql: str, params: SqlParams | None = None, *, key: Sequence[str] | None = None
    ) -> AsyncStream[LiveEvent]:
        """
        The rows of a query, and how they change; over lost connections, after which all rows come again.

        :param key: columns whose values name a row; without them a row that changes goes and comes.
        """
        fields: dict[str, Any] = {"database": self.name, **statement_of(sql, params)}
        if key is not None:
            fields["key"] = list(key)
        return AsyncStream(_live(self._subscriber, fields))

    async def migrate(
        self, migrations: Sequence[Migration], *, timeout_ms: int | None = None
    ) -> SqlMigrate:
        """Applies those that were not applied yet, in the order of their numbers, each as a whole."""
        body = {
            "migrations": [
                {"number": number, "name": name, "sql": sql} for number, name, sql in migrations
            ]
        }
        fields = {"database": self.name, "body": body}
        told: SqlMigrate = await self._call("sql.migrate", fields, timeout_ms)
        return told

    async def begin(self, *, timeout_ms: int | None = None) -> AsyncTransaction:
        """Several calls as one transaction."""
        told = await self._call("sql.begin", {"database": self.name}, timeout_ms)
        return AsyncTransaction(self._call, self.name, told["transaction"])

    async def adjust(
        self, settings: Mapping[str, Any], *, timeout_ms: int | None = None
    ) -> SqlAdjust:
        """
        How many hold it, and which backups it makes; what is not named stays.

        :param settings: ``voters`` 3 or 5, ``readers`` up to 8, ``backup`` {"everyMs", "keep"} or None for no backups.
        """
        fields = {"database": self.name, "body": dict(settings)}
        told: SqlAdjust = await self._call("sql.adjust", fields, timeout_ms)
        return told

    async def move(
        self,
        engine: SqlEngine,
        *,
        voters: Literal[3, 5] | None = None,
        timeout_ms: int | None = None,
    ) -> SqlMove:
        """Everything into a database of the other engine, which then has the name."""
        body: dict[str, Any] = {"engine": engine}
        if voters is not None:
            body["voters"] = voters
        fields = {"database": self.name, "body": body}
        told: SqlMove = await self._call("sql.move", fields, timeout_ms or MOVE_MS)
        return told

    async def recover(
        self, *, confirm: str | None = None, timeout_ms: int | None = None
    ) -> SqlRecover:
        """
        Where a majority of the voters is gone for good.

        :param confirm: its name again; without it the error says what may be lost.
        """
        fields = {"database": self.name, "confirm": confirm}
        told: SqlRecover = await self._call("sql.recover", fields, timeout_ms)
        return told

    async def backup(self, *, timeout_ms: int | None = None) -> bytes:
        """A SQLite file of everything, as of one moment."""
        found = await self._call("sql.backup", {"database": self.name}, timeout_ms)
        return bytes(found["body"])

    async def restore(self, file: bytes, *, confirm: str, timeout_ms: int | None = None) -> None:
        """
        Puts such a file in the place of everything.

        :param confirm: the name of the database once more.
        """
        fields = {"database": self.name, "confirm": confirm, "body": bytes(file)}
        await self._call("sql.restore", fields, timeout_ms)


class AsyncSql:
    """``client.sql("shop")`` is the database of that name."""

    def __init__(self, call: Call, subscriber: Subscriber) -> None:
        self._call = call
        self._subscriber = subscriber

    def __call__(self, name: str) -> AsyncDatabase:
        return AsyncDatabase(self._call, self._subscriber, name)

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

    def live(
        self, sql: str, params: SqlParams | None = None, *, key: Sequence[str] | None = None
    ) -> Stream[LiveEvent]:
        return Stream(self._portal, self._database.live(sql, params, key=key))

    def migrate(
        self, migrations: Sequence[Migration], *, timeout_ms: int | None = None
    ) -> SqlMigrate:
        return self._portal.run(self._database.migrate(migrations, timeout_ms=timeout_ms))

    def begin(self, *, timeout_ms: int | None = None) -> Transaction:
        return Transaction(
            self._portal, self._portal.run(self._database.begin(timeout_ms=timeout_ms))
        )

    def adjust(self, settings: Mapping[str, Any], *, timeout_ms: int | None = None) -> SqlAdjust:
        return self._portal.run(self._database.adjust(settings, timeout_ms=timeout_ms))

    def move(
        self,
        engine: SqlEngine,
        *,
        voters: Literal[3, 5] | None = None,
        timeout_ms: int | None = None,
    ) -> SqlMove:
        return self._portal.run(
            self._database.move(engine, voters=voters, timeout_ms=timeout_ms)
        )

    def recover(self, *, confirm: str | None = None, timeout_ms: int | None = None) -> SqlRecover:
        return self._portal.run(self._database.recover(confirm=confirm, timeout_ms=timeout_ms))

    def backup(self, *, timeout_ms: int | None = None) -> bytes:
        return self._portal.run(self._database.backup(timeout_ms=timeout_ms))

    def restore(self, file: bytes, *, confirm: str, timeout_ms: int | None = None) -> None:
        self._portal.run(self._database.restore(file, confirm=confirm, timeout_ms=timeout_ms))


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


async def _live(
    subscriber: Subscriber, fields: dict[str, Any]
) -> AsyncGenerator[LiveEvent, None]:
    async with aclosing(subscriber.follow("sql", lambda: fields)) as events:
        async for frame in events:
            event = live_event_of(frame)
            if event is not None:
                yield event
