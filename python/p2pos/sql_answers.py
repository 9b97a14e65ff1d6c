"""What SQL takes and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .link import Frame
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


@dataclass(frozen=True)
class LiveRows:
    """All rows of a live query: first, after each reconnect, and where the columns became others."""

    #: Names the state of the database.
    index: int
    columns: tuple[str, ...]
    rows: tuple[tuple[SqlValue, ...], ...]
    type: Literal["rows"] = "rows"


@dataclass(frozen=True)
class LiveChange:
    index: int
    #: Rows that are new or other than before.
    upserts: tuple[tuple[SqlValue, ...], ...]
    #: Rows that are gone, as they were.
    removes: tuple[tuple[SqlValue, ...], ...]
    type: Literal["change"] = "change"


LiveEvent = LiveRows | LiveChange


def statement_of(sql: str, params: SqlParams | None) -> dict[str, Any]:
    if params is None:
        return {"sql": sql}
    if isinstance(params, Mapping):
        return {"sql": sql, "params": {name: to_sql(value) for name, value in params.items()}}
    return {"sql": sql, "params": [to_sql(value) for value in params]}


def row_set_of(wire: Mapping[str, Any]) -> SqlRowSet:
    return SqlRowSet(tuple(wire["columns"]), _rows(wire["rows"]))


def result_of(wire: Mapping[str, Any]) -> SqlResult:
    row_id = wire["lastInsertId"]
    returned = wire.get("returned")
    return SqlResult(
        changes=wire["changes"],
        last_insert_id=None if row_id is None else from_integer(row_id),
        returned=None if returned is None else row_set_of(returned),
    )


def live_event_of(frame: Frame) -> LiveEvent | None:
    """None: of a newer node; who knows it not cannot need it."""
    kind = frame["type"]
    if kind in ("open", "rows"):
        return LiveRows(frame["index"], tuple(frame["columns"]), _rows(frame["rows"]))
    if kind == "change":
        return LiveChange(frame["index"], _rows(frame["upserts"]), _rows(frame["removes"]))
    return None


def _rows(wire: Sequence[Sequence[Any]]) -> tuple[tuple[SqlValue, ...], ...]:
    return tuple(tuple(from_sql(cell) for cell in row) for row in wire)
