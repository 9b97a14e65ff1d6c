/** Engine `sqlite`: one file on one node. Every read sees all that was answered before it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { type ErrorCode, isErrorCode, P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { Engine } from '../engine.ts';
import { FENCE_FOUND } from '../fence.ts';
import { trust } from '../statements/examination.ts';
import { createInteractive, jobOf } from './interactive.ts';
import type { JobAnswer } from './job.ts';
import type { SqliteHost } from './process.ts';

export interface SqliteEngineDeps {
  readonly host: SqliteHost;
  readonly clock: Clock;
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

  const open = createInteractive({
    clock,
    name,
    run: async (work) => sound(await host.run({ ...work, file })),
    onCommit: () => {
      for (const listener of listeners) listener();
    },
  });

  return {
    async query(statement) {
      const { rows } = sound(await host.run({ kind: 'query', file, statement: jobOf(statement) }));
      return rows ?? { columns: [], rows: [] };
    },
    interactive: open.interactive,
    async write({ statements, key, hash }, options) {
      const job = {
        kind: 'write',
        file,
        key,
        hash,
        at: clock.now(),
        statements: statements.map(jobOf),
      } as const;
      const { results } = sound(await open.whenFree(options, () => host.run(job)));
      for (const listener of listeners) listener();
      return [...(results ?? [])];
    },
    async backup(options) {
      const other = `${file}.backup-${++files}`;
      try {
        await rm(other, { force: true });
        sound(await open.whenFree(options, () => host.run({ kind: 'backup', file, other })));
        return await readFile(other);
      } finally {
        await rm(other, { force: true });
      }
    },
    async restore(bytes, options) {
      const other = `${file}.restore-${++files}`;
      await writeFile(other, bytes, { mode: 0o600, flush: true });
      sound(await open.whenFree(options, () => host.run({ kind: 'restore', file, other })));
      for (const listener of listeners) listener();
    },
    async fence(isUp, options) {
      sound(await open.whenFree(options, () => host.run({ kind: 'fence', file, isUp })));
    },
    async isFenced() {
      const examined = trust(FENCE_FOUND, 'SELECT');
      const { rows } = sound(
        await host.run({ kind: 'query', file, statement: jobOf({ examined, params: [] }) }),
      );
      return rows?.rows[0]?.[0] === 1;
    },
    async forget(before, options) {
      sound(await open.whenFree(options, () => host.run({ kind: 'forget', file, before })));
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
