/** Engine `sqlite`: one file on one node. Every read sees all that was answered before it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { type ErrorCode, isErrorCode, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { Engine, Statement } from '../engine.ts';
import type { JobAnswer, JobStatement } from './job.ts';
import type { SqliteHost } from './process.ts';

export interface SqliteEngineDeps {
  readonly host: SqliteHost;
  readonly clock: Pick<Clock, 'now'>;
}

export interface SqliteEngineConfig {
  /** Of the database, for messages. */
  readonly name: string;
  readonly file: string;
}

export function createSqliteEngine(
  { host, clock }: SqliteEngineDeps,
  { name, file }: SqliteEngineConfig,
): Engine {
  const listeners = new Set<() => void>();
  let files = 0;

  /** @throws P2posError what the statement did wrong */
  function sound(answer: JobAnswer): JobAnswer {
    if (!answer.failure) return answer;
    const { code, details } = answer.failure;
    const known: ErrorCode = isErrorCode(code) ? code : 'INTERNAL';
    throw new P2posError(known, { database: name, ...details });
  }

  return {
    async query(statement) {
      const { rows } = sound(await host.run({ kind: 'query', file, statement: jobOf(statement) }));
      return rows ?? { columns: [], rows: [] };
    },
    async write({ statements, key, hash }) {
      const job = {
        kind: 'write',
        file,
        key,
        hash,
        at: clock.now(),
        statements: statements.map(jobOf),
      } as const;
      const { results } = sound(await host.run(job));
      for (const listener of listeners) listener();
      return [...(results ?? [])];
    },
    async backup() {
      const other = `${file}.backup-${++files}`;
      try {
        await rm(other, { force: true });
        sound(await host.run({ kind: 'backup', file, other }));
        return await readFile(other);
      } finally {
        await rm(other, { force: true });
      }
    },
    async restore(bytes) {
      const other = `${file}.restore-${++files}`;
      await writeFile(other, bytes, { mode: 0o600, flush: true });
      sound(await host.run({ kind: 'restore', file, other }));
      for (const listener of listeners) listener();
    },
    async forget(before) {
      sound(await host.run({ kind: 'forget', file, before }));
    },
    async status() {
      const { status } = sound(await host.run({ kind: 'status', file }));
      return {
        role: 'holder' as const,
        engineVersion: status?.version ?? null,
        index: status?.commits ?? null,
        bytes: status?.bytes ?? null,
        problem: null,
      };
    },
    leader: () => undefined,
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async [Symbol.asyncDispose]() {
      await host.run({ kind: 'close', file }).catch(() => {});
    },
  };
}

function jobOf({ examined: { sql, verb, trusted = false }, params }: Statement): JobStatement {
  return { sql, verb, params, trusted };
}
