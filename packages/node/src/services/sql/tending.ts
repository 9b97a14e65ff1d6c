/** What a database shall be, changed while it is in use: its readers, its voters, its backups, its engine. */
import {
  type Crypto,
  isP2posError,
  MAX_SQL_BACKUP_BYTES,
  P2posError,
  type SqlDatabase,
  type SqlEngine,
} from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Catalogue, type Entry, type Found, newId, nextOf } from './catalogue.ts';
import type { Engine } from './engine.ts';
import type { FilesOf } from './files.ts';
import type { Routing } from './routing.ts';
import { described } from './standing.ts';
import { examine } from './statements/examination.ts';

interface Name {
  readonly app: string;
  readonly name: string;
}
interface Options {
  readonly signal?: AbortSignal | undefined;
}

export interface SqlSettings {
  /** Of rqlite. */
  readonly voters?: 3 | 5 | undefined;
  readonly readers?: number | undefined;
  /** Null: none. */
  readonly backup?: { readonly everyMs: number; readonly keep: number } | null | undefined;
}

export interface Tending {
  /** What is not named stays. Holders follow within seconds. @throws P2posError SQL_UNSUPPORTED */
  adjust(input: Name & SqlSettings, options?: Options): Promise<SqlDatabase>;
  /**
   * Copies everything into a new database of the other engine, which then has the name. Writes meanwhile are refused with
   * SQL_MOVING; when anything fails, all is as before.
   *
   * @throws P2posError SQL_UNSUPPORTED, SQL_NOT_ENOUGH_NODES, SQL_ENGINE_MISSING, SQL_TOO_LARGE, SQL_MOVING
   */
  move(
    input: Name & { readonly engine: SqlEngine; readonly voters?: number | undefined },
    options?: Options,
  ): Promise<{ readonly database: SqlDatabase; readonly moved: boolean }>;
}

export interface TendingDeps {
  readonly catalogue: Catalogue;
  readonly routing: Pick<Routing, 'ask'>;
  readonly files: FilesOf;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly random: Pick<Random, 'bytes'>;
  readonly log: Logger;
  /** On members that are chosen now. @throws P2posError SQL_NOT_ENOUGH_NODES */
  readonly prepare: (entry: Entry, options: Options) => Promise<Entry>;
  readonly notice: (entry: Entry) => void;
}

const FENCE_MS = 20_000;
const READY_MS = 30_000;
const MOVE_MS = 10 * 60_000;

export function createTending(deps: TendingDeps): Tending {
  const { catalogue, routing, files, crypto, clock, random, log, prepare, notice } = deps;

  async function read(name: Name, options: Options): Promise<Found> {
    const found = await catalogue.read(name, options);
    if (!found) throw new P2posError('SQL_DATABASE_NOT_FOUND', { database: name.name });
    return found;
  }

  /** By whom it is now, not by what was known a while ago. */
  function fence(entry: Entry, isUp: boolean, { signal }: Options): Promise<unknown> {
    const here = async (engine: Engine) => {
      await engine.fence(isUp, { timeoutMs: FENCE_MS, signal });
      return {};
    };
    return routing.ask(entry, 'fence', { isUp }, here, { timeoutMs: FENCE_MS, signal });
  }

  async function awaitReady(entry: Entry, { signal }: Options): Promise<void> {
    const within = { consistency: 'linearizable', timeoutMs: FENCE_MS, signal } as const;
    const input = { sql: 'SELECT 1', params: [], consistency: 'linearizable' } as const;
    const here = (engine: Engine) => engine.query({ examined: examine('SELECT 1'), params: [] }, within);
    await routing.ask(entry, 'query', input, here, { timeoutMs: READY_MS, signal });
  }

  /** All is as before. */
  async function revert(name: Name, entry: Entry): Promise<void> {
    const found = await catalogue.read(name);
    if (found?.entry.next?.id !== entry.next?.id || !found) return;
    const { next: _, ...before } = found.entry;
    if (!(await catalogue.replace(found, before))) return;
    await fence(before, false, {});
    const next = nextOf(entry);
    if (next) notice(next);
  }

  async function copy(entry: Entry, options: Options): Promise<void> {
    const next = nextOf(entry) as Entry;
    notice(next);
    await awaitReady(next, options);
    await fence(entry, true, options);
    const file = await files.backupOf(entry, options);
    if (file.length > MAX_SQL_BACKUP_BYTES)
      throw new P2posError('SQL_TOO_LARGE', { what: 'database', limit: `${MAX_SQL_BACKUP_BYTES} bytes` });
    await files.restoreInto(next, file, options);
  }

  return {
    async adjust({ voters, readers, backup, ...name }, options = {}) {
      const found = await read(name, options);
      const { entry } = found;
      if (entry.engine === 'sqlite' && ((readers ?? 0) > 0 || voters !== undefined))
        throw new P2posError('SQL_UNSUPPORTED', {
          reason: `a database of the engine sqlite has one holder; move it first: p2pctl sql engine ${name.name} rqlite`,
        });
      const { backup: before, ...bare } = entry;
      const kept = backup === undefined ? before : (backup ?? undefined);
      const next: Entry = {
        ...bare,
        ...(kept && { backup: kept }),
        ...(readers !== undefined && { readers }),
        ...(voters !== undefined && { wanted: voters }),
      };
      if (!(await catalogue.replace(found, next, options)))
        throw new P2posError('SQL_PLACEMENT_STALE', { database: name.name, peerId: 'asked' });
      return described(next);
    },

    async move({ engine, voters, ...name }, options = {}) {
      const found = await read(name, options);
      const { entry } = found;
      if (entry.engine === engine) return { database: described(entry), moved: false };
      if (entry.next && clock.now() - entry.next.since < MOVE_MS)
        throw new P2posError('SQL_MOVING', { database: name.name });
      const isCluster = engine === 'rqlite';
      const id = newId(crypto, random.bytes(32));
      const wanted = isCluster ? (voters ?? 3) : 1;
      const { next: _, secret: __, readers: ___, ...bare } = entry;
      const secret = isCluster ? { secret: random.bytes(32) } : {};
      const { holders } = await prepare({ ...bare, ...secret, id, engine, wanted, holders: [] }, options);
      const next = { id, engine, holders, wanted, ...secret, since: clock.now() };
      const moving: Entry = { ...entry, next };
      if (!(await catalogue.replace(found, moving, options)))
        throw new P2posError('SQL_MOVING', { database: name.name });
      try {
        await copy(moving, options);
        const now = await read(name, options);
        const moved = now.entry.next?.id === id ? nextOf(now.entry) : undefined;
        if (!moved || !(await catalogue.replace(now, moved, options)))
          throw new P2posError('SQL_PLACEMENT_STALE', { database: name.name, peerId: 'asked' });
        log.info({ action: 'sql_moved', from: entry.id, id, engine }, 'a database has another engine now');
        notice(moved);
        notice(entry);
        return { database: described(moved), moved: true };
      } catch (error) {
        log.warn(
          { action: 'sql_move_failed', id: entry.id, engine, error },
          'a database stays with its engine',
        );
        await revert(name, moving).catch((failure) => {
          if (!isP2posError(failure)) throw failure;
        });
        throw error;
      }
    },
  };
}
