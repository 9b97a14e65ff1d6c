/** `/p2pos/sql/1.0.0`: what nodes ask those that hold a database. */
import {
  bytesSchema,
  MAX_SQL_BACKUP_BYTES,
  peerIdSchema,
  SqlConsistency,
  SqlDatabaseName,
  SqlEngine,
  SqlHolderStatus,
  SqlMigration,
  sqlParamsSchema,
  sqlRowsSchema,
} from '@p2pos/protocol';
import { z } from 'zod';
import { defineCapability } from '../../core/rpc/index.ts';
import { CHUNK_BYTES } from './transfer.ts';

const MAX_BODY_BYTES = 24 * 1_048_576;
const MAX_SMALL_BYTES = 16_384;

const target = {
  app: z.string().min(1).max(64),
  name: SqlDatabaseName,
  id: z.string().regex(/^[0-9a-f]{32}$/),
};
const statement = z.strictObject({ sql: z.string().max(1_048_576), params: sqlParamsSchema });
const rowSet = z.object({ columns: z.array(z.string()), rows: sqlRowsSchema });
/** Whom to ask next time. */
const leader = peerIdSchema.optional();
const ticket = z.string().regex(/^[0-9a-f]{32}$/);
const wideInteger = z.union([z.int(), z.bigint()]);
const result = z.object({
  changes: z.int(),
  lastInsertId: wideInteger.nullable(),
  returned: rowSet.optional(),
  deferred: z.literal(true).optional(),
});

export const SQL = defineCapability('/p2pos/sql/1.0.0', {
  query: {
    id: 1,
    input: z.strictObject({ ...target, ...statement.shape, consistency: SqlConsistency }),
    output: z.object({ ...rowSet.shape, leader }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  write: {
    id: 2,
    input: z.strictObject({
      ...target,
      statements: z.array(statement).min(1).max(10_000),
      key: z.string().min(1).max(256),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
    }),
    output: z.object({ results: z.array(result), leader }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  prepare: {
    id: 3,
    input: z.strictObject({ ...target, engine: SqlEngine }),
    output: z.object({ host: z.string().max(255).optional(), port: z.int().min(1).max(65_535).optional() }),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
  /** The catalogue changed for it: look again. */
  notice: {
    id: 4,
    input: z.strictObject(target),
    output: z.object({}),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
  status: {
    id: 5,
    input: z.strictObject(target),
    output: SqlHolderStatus.omit({ peerId: true, reachable: true }),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
  /** Goes on alone with what it has. */
  recover: {
    id: 6,
    input: z.strictObject(target),
    output: z.object({}),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
  migrate: {
    id: 7,
    input: z.strictObject({ ...target, migrations: z.array(SqlMigration).max(10_000) }),
    output: z.object({ applied: z.array(z.int()), version: z.int(), leader }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** Without a ticket a new backup is made. */
  backup: {
    id: 8,
    input: z.strictObject({ ...target, ticket: ticket.optional(), offset: z.int().min(0) }),
    output: z.object({ ticket, total: z.int().min(0), chunk: bytesSchema({ max: CHUNK_BYTES }), leader }),
    cost: 'bulk',
    maxBodyBytes: 2 * CHUNK_BYTES,
  },
  restore: {
    id: 9,
    input: z.strictObject({
      ...target,
      ticket,
      total: z.int().min(0).max(MAX_SQL_BACKUP_BYTES),
      offset: z.int().min(0),
      chunk: bytesSchema({ max: CHUNK_BYTES }),
    }),
    output: z.object({ leader }),
    cost: 'bulk',
    maxBodyBytes: 2 * CHUNK_BYTES,
  },
  /** Until it is at another index than `after`, or some time has passed. */
  wait: {
    id: 10,
    input: z.strictObject({ ...target, after: z.int().nullable() }),
    output: z.object({ index: z.int(), leader }),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
  begin: {
    id: 11,
    input: z.strictObject(target),
    output: z.object({ transaction: ticket, expiresInMs: z.int(), leader }),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
  step: {
    id: 12,
    input: z.strictObject({ ...target, transaction: ticket, ...statement.shape }),
    output: z.object({ ...result.shape, leader }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  end: {
    id: 13,
    input: z.strictObject({ ...target, transaction: ticket, how: z.enum(['commit', 'rollback']) }),
    output: z.object({ results: z.array(result).optional(), leader }),
    maxBodyBytes: MAX_BODY_BYTES,
  },
  /** Stops its writes while it moves, or lets them go on. */
  fence: {
    id: 14,
    input: z.strictObject({ ...target, isUp: z.boolean() }),
    output: z.object({ leader }),
    maxBodyBytes: MAX_SMALL_BYTES,
  },
});
