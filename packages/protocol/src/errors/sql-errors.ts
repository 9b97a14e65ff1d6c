/** The part of the error table that tells of SQL databases. */
import type { ErrorEntry } from './entry.ts';

export const SQL_ERRORS = {
  SQL_DATABASE_INVALID: {
    status: 400,
    retry: false,
    text: 'The name of the database is refused: {reason}. A name is 1 to 63 letters, digits, - and _, and begins with a letter.',
  },
  SQL_DATABASE_NOT_FOUND: {
    status: 404,
    retry: false,
    text: 'There is no database {database}. p2pctl sql list shows those there are; p2pctl sql create {database} makes it.',
  },
  SQL_CONFIRM_NAME: {
    status: 400,
    retry: false,
    text: 'Deleting a database must be confirmed by its name: confirm={database}. Everything in it is lost.',
  },
  SQL_HOLDER_UNREACHABLE: {
    status: 503,
    retry: true,
    text: 'No node that holds the database {database} can be reached: {holders}. p2pctl sql status {database} says more; it is back when one of them is.',
  },
  SQL_NO_LEADER: {
    status: 503,
    retry: true,
    text: 'The voters of the database {database} have no leader now. Try again in a few seconds; if a majority of them is gone for good: p2pctl sql recover {database}',
  },
  SQL_NOT_ENOUGH_NODES: {
    status: 409,
    retry: false,
    text: 'This needs {needed} nodes that can hold a database with the engine {engine}; {found} were found. Give members the capability sql, or choose fewer voters.',
  },
  SQL_ENGINE_MISSING: {
    status: 409,
    retry: false,
    text: 'The engine {engine} cannot run on node {peerId}: {reason}. Install rqlited 8.36 or newer there, or name its file as sql.rqlited in node.toml.',
  },
  SQL_ENGINE_FAILED: {
    status: 503,
    retry: true,
    text: 'The engine of the database {database} failed: {reason}. The log of its node says more; it is started again by itself.',
  },
  SQL_UNSUPPORTED: { status: 400, retry: false, text: 'This cannot be had here: {reason}.' },
  SQL_LIMIT: {
    status: 429,
    retry: false,
    text: 'There are {count} {what} already, which is the limit. Delete some, or raise {setting}.',
  },
  SQL_SYNTAX: {
    status: 400,
    retry: false,
    text: 'The SQL is refused: {reason}. p2pctl sql schema {database} shows what tables and columns there are.',
  },
  SQL_REFUSED: {
    status: 400,
    retry: false,
    text: 'The statement is refused: {reason}.',
  },
  SQL_PARAMS_INVALID: {
    status: 400,
    retry: false,
    text: 'The parameters are refused: {reason}. A parameter is null, a number, {"$int": "…"}, text or {"$blob": "base64"}.',
  },
  SQL_CONSTRAINT: {
    status: 409,
    retry: false,
    text: 'A constraint of the database was broken: {reason}. Nothing of the request was done.',
  },
  SQL_READ_ONLY: {
    status: 400,
    retry: false,
    text: 'The statement would change the database, and this is for reading only. Send it to execute.',
  },
  SQL_TOO_LARGE: {
    status: 413,
    retry: false,
    text: 'The {what} is larger than {limit}. Ask for less at a time: LIMIT and a condition on the last key seen.',
  },
  SQL_TIMEOUT: {
    status: 408,
    retry: false,
    text: 'The statement ran longer than {timeoutMs} ms and was ended; nothing of it was done. Make it do less at a time, or raise sql.statement_timeout.',
  },
  SQL_BUSY: {
    status: 503,
    retry: true,
    text: 'The database {database} is held by an interactive transaction. Try again; it ends within {withinMs} ms.',
  },
  SQL_TRANSACTION_ENDED: {
    status: 409,
    retry: false,
    text: 'The transaction {transaction} has ended: {reason}. Nothing of it was kept unless its commit was answered; begin a new one.',
  },
  SQL_CONFLICT: {
    status: 409,
    retry: false,
    text: 'What the transaction had read was changed by another before its commit. Nothing of it was done; run it again from its beginning.',
  },
  SQL_RECOVER_RISK: {
    status: 409,
    retry: false,
    text: 'Recovering {database} makes it go on from {survivor}, which has everything up to index {index}. What the {lost} voters that are gone acknowledged after that is lost, and they must not come back as they were. To do it: confirm={database}',
  },
  SQL_MIGRATION: {
    status: 409,
    retry: false,
    text: 'The migrations are refused: {reason}.',
  },
  SQL_CORRUPT: {
    status: 500,
    retry: false,
    text: 'The database {database} is damaged: {reason}. Restore a backup: p2pctl sql restore {database} FILE',
  },
  SQL_MOVING: {
    status: 503,
    retry: true,
    text: 'The database {database} is being moved to another engine. Try again: writes go on in a moment.',
  },
  SQL_PLACEMENT_STALE: {
    status: 503,
    retry: true,
    text: 'Node {peerId} does not hold the database {database}. Ask again: it has moved.',
  },
} as const satisfies Record<string, ErrorEntry>;
