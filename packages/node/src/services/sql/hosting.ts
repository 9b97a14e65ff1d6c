/** The databases that the catalogue gives to this node: opened when asked for, and dropped when they are no longer its own. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { TaskGroup } from '../../core/tasks/index.ts';
import { type Catalogue, type Entry, nextOf } from './catalogue.ts';
import type { Engine } from './engine.ts';
import type { Manifest, Preparation, Shelf } from './shelf.ts';

export interface HostingDeps {
  readonly self: PeerId;
  /** Undefined: this node holds none. */
  readonly shelf: Shelf | undefined;
  readonly catalogue: Pick<Catalogue, 'read'>;
  readonly tasks: TaskGroup;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Target {
  readonly app: string;
  readonly name: string;
  readonly id: string;
}

export interface Hosting extends AsyncDisposable {
  /** @throws P2posError SQL_PLACEMENT_STALE: the catalogue does not give it to this node */
  engineOf(target: Target): Promise<Engine>;
  prepare(manifest: Preparation): ReturnType<Shelf['prepare']>;
  /** Those that are open. */
  opened(): readonly { readonly target: Target; readonly engine: Promise<Engine> }[];
  /** Compares with the catalogue what is held of one database. */
  look(target: Target): Promise<void>;
}

const RETRY_MS = 500;
const KEPT_MS = 24 * 3_600_000;
const FORGET_MS = 30_000;
const REVIEW_MS = 10 * 60_000;
/** Prepared, and perhaps about to be named by the catalogue. */
const GRACE_MS = 10 * 60_000;

export function createHosting({ self, shelf, catalogue, tasks, clock, log }: HostingDeps): Hosting {
  const open = new Map<string, { readonly target: Target; readonly engine: Promise<Engine> }>();

  function stale(name: string): P2posError {
    return new P2posError('SQL_PLACEMENT_STALE', { peerId: self, database: name });
  }

  async function ownEntry({ app, name, id }: Target): Promise<Entry | undefined> {
    const found = await catalogue.read({ app, name });
    const entry = found?.entry.id === id ? found.entry : found && nextOf(found.entry);
    const isOwn = entry?.id === id && entry.holders.some(({ peerId }) => peerId === self);
    return isOwn ? entry : undefined;
  }

  async function openNew(target: Target): Promise<Engine> {
    const entry = await ownEntry(target);
    if (!entry || !shelf) throw stale(target.name);
    return shelf.open(entry);
  }

  async function engineOf(target: Target): Promise<Engine> {
    const known = open.get(target.id);
    if (known) return known.engine;
    const engine = openNew(target);
    open.set(target.id, { target, engine });
    engine.catch(() => open.delete(target.id));
    return engine;
  }

  async function close(id: string): Promise<void> {
    const held = open.get(id);
    open.delete(id);
    await held?.engine.then((engine) => engine[Symbol.asyncDispose]()).catch(() => {});
  }

  async function look(target: Target): Promise<void> {
    if (!shelf) return;
    const entry = await ownEntry(target);
    if (entry?.engine === 'rqlite') await engineOf(target);
    if (entry) return;
    await close(target.id);
    await shelf.remove(target.id);
    log.info(
      { action: 'sql_database_removed', id: target.id },
      'a database that is no longer held here was removed',
    );
  }

  async function review(): Promise<void> {
    for (const manifest of (await shelf?.manifests()) ?? []) {
      if (clock.now() - manifest.preparedAt > GRACE_MS) await look(manifest);
    }
  }

  /** Voters serve others, so they run without being asked; the catalogue may not have its majority at once. */
  async function startVoter(manifest: Manifest, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        if (await ownEntry(manifest)) await engineOf(manifest);
        else if (clock.now() - manifest.preparedAt > GRACE_MS) await look(manifest);
        return;
      } catch (error) {
        log.debug({ action: 'sql_voter_start', id: manifest.id, error }, 'a voter cannot start yet');
        if (isP2posError(error, 'SQL_ENGINE_MISSING')) throw error;
      }
      await sleep(clock, RETRY_MS, { signal });
    }
  }

  async function start(signal: AbortSignal): Promise<void> {
    const manifests = (await shelf?.manifests()) ?? [];
    const voters = manifests.filter(({ engine }) => engine === 'rqlite');
    await Promise.allSettled(voters.map((manifest) => startVoter(manifest, signal)));
  }

  /** What is kept for repeats of requests, for a day. */
  async function forget(): Promise<void> {
    for (const { engine } of [...open.values()])
      await engine.then((one) => one.forget(clock.now() - KEPT_MS, { timeoutMs: FORGET_MS })).catch(() => {});
  }

  if (shelf) {
    tasks.every({ name: 'sql forget', intervalMs: REVIEW_MS }, forget);
    tasks.run('sql start', start);
    tasks.every({ name: 'sql review', intervalMs: REVIEW_MS }, review);
  }

  return {
    look,
    opened: () => [...open.values()],
    engineOf,
    async prepare(manifest) {
      if (!shelf)
        throw new P2posError('SQL_ENGINE_MISSING', {
          engine: manifest.engine,
          peerId: self,
          reason: 'it holds no databases',
        });
      return shelf.prepare(manifest);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.keys()].map(close));
      await shelf?.[Symbol.asyncDispose]();
    },
  };
}
