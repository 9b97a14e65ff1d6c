/** What there is to say of a database: its name and engine, who holds it, its tables. */
import { z } from 'zod';

export const SqlDatabaseName = z
  .string()
  .regex(/^[A-Za-z][\w-]{0,62}$/, { error: 'it has other characters, is empty or too long' });
export const SqlEngine = z.enum(['sqlite', 'rqlite'], { error: 'must be sqlite or rqlite' });
export type SqlEngine = z.output<typeof SqlEngine>;

/** `none`: what the asked node has; `weak`: its leader believes to lead; `linearizable`: everything acknowledged before. */
export const SqlConsistency = z.enum(['none', 'weak', 'linearizable'], {
  error: 'must be none, weak or linearizable',
});
export type SqlConsistency = z.output<typeof SqlConsistency>;

export const SqlDatabase = z.object({
  name: z.string(),
  engine: SqlEngine,
  /** Peer ids of those that hold it. */
  holders: z.array(z.string()).min(1),
  createdAt: z.string(),
  /** Of rqlite: how many holders it shall have that have everything and no vote. */
  readers: z.int().optional(),
  /** How often a copy is made and kept at the node of the leader, or of the holder, and how many of them. */
  backup: z.object({ everyMs: z.int(), keep: z.int() }).optional(),
});
export type SqlDatabase = z.output<typeof SqlDatabase>;

export const SqlColumn = z.object({
  name: z.string(),
  type: z.string(),
  notNull: z.boolean(),
  /** Place in the primary key, from 1; 0: not in it. */
  primaryKey: z.int(),
  default: z.string().nullable(),
});
export const SqlTable = z.object({
  name: z.string(),
  kind: z.enum(['table', 'view']),
  columns: z.array(SqlColumn),
  indexes: z.array(z.object({ name: z.string(), sql: z.string().nullable() })),
  sql: z.string().nullable(),
});
export const SqlSchema = z.object({ tables: z.array(SqlTable) });
export type SqlSchema = z.output<typeof SqlSchema>;

export const SqlHolderStatus = z.object({
  peerId: z.string(),
  /** Whether it answered this time. */
  reachable: z.boolean(),
  role: z.enum(['holder', 'leader', 'follower', 'candidate', 'reader', 'unknown']),
  engineVersion: z.string().nullable(),
  /** How far it is: commits of a file, the applied index of a voter. */
  index: z.int().nullable(),
  bytes: z.int().nullable(),
  /** Why it is not well; null: it is. */
  problem: z.string().nullable(),
  /** That the database made of itself, at this node. */
  backups: z.object({ count: z.int(), newest: z.string() }).optional(),
});
export type SqlHolderStatus = z.output<typeof SqlHolderStatus>;
export const SqlStatus = z.object({ database: SqlDatabase, holders: z.array(SqlHolderStatus) });
export type SqlStatus = z.output<typeof SqlStatus>;
