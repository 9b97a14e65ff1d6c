/**
 * The databases that this node holds on its disk, each in a folder of its own: `<folder>/<id>`. What lies there was
 * prepared before the catalogue named it, so a folder that is missing later is a loss and never taken for a new database.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { P2posError, type SqlEngine } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import { type Backups, createBackups } from './backups.ts';
import type { Entry } from './catalogue.ts';
import type { Engine } from './engine.ts';
import type { Ports, Rqlite } from './rqlite/opening.ts';
import { createSqliteEngine } from './sqlite/engine.ts';
import type { SqliteHost } from './sqlite/process.ts';

export interface Manifest {
  readonly app: string;
  readonly name: string;
  readonly id: string;
  readonly engine: SqlEngine;
  /** ms since the epoch. */
  readonly preparedAt: number;
  /** Of rqlite. */
  readonly ports?: Ports;
}

export type Preparation = Omit<Manifest, 'preparedAt' | 'ports'>;

/** Where other voters reach this one. */
export interface Place {
  readonly host?: string;
  readonly port?: number;
}

export interface Shelf extends AsyncDisposable {
  manifests(): Promise<Manifest[]>;
  /** Makes the folder; a repeat changes nothing. @throws P2posError SQL_ENGINE_MISSING, SQL_LIMIT */
  prepare(manifest: Preparation): Promise<Place>;
  /** @throws P2posError SQL_CORRUPT when its folder is gone */
  open(entry: Entry): Promise<Engine>;
  readonly backups: Backups;
  /** Everything in it is lost. */
  remove(id: string): Promise<void>;
}

export interface ShelfDeps {
  readonly sqlite: SqliteHost;
  readonly rqlite: Rqlite;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ShelfConfig {
  readonly folder: string;
  readonly maxDatabases: number;
}

const MANIFEST = 'database.json';

export function createShelf(
  { sqlite, rqlite, clock, log }: ShelfDeps,
  { folder, maxDatabases }: ShelfConfig,
): Shelf {
  const pathOf = (id: string) => join(folder, id);
  /** Of databases that are being made. */
  const reserved = new Set<number>();

  async function manifests(): Promise<Manifest[]> {
    const names = await readdir(folder).catch(() => []);
    const found = await Promise.all(names.filter((name) => /^[0-9a-f]{32}$/.test(name)).map(manifestOf));
    return found.filter((manifest) => manifest !== undefined);
  }

  async function manifestOf(id: string): Promise<Manifest | undefined> {
    try {
      return JSON.parse(await readFile(join(pathOf(id), MANIFEST), 'utf8')) as Manifest;
    } catch {
      return undefined;
    }
  }

  async function write(manifest: Manifest): Promise<Manifest> {
    const path = pathOf(manifest.id);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const draft = join(path, `${MANIFEST}.new`);
    await writeFile(draft, JSON.stringify(manifest), { mode: 0o600, flush: true });
    await rename(draft, join(path, MANIFEST));
    return manifest;
  }

  function placeOf({ ports }: Manifest): Place {
    return ports ? { host: rqlite.host, port: ports.raft } : {};
  }

  return {
    manifests,
    backups: createBackups({ clock, log }, { folder: join(folder, 'backups') }),
    async prepare({ app, name, id, engine }) {
      const known = await manifestOf(id);
      if (known) return placeOf(known);
      const others = await manifests();
      const count = others.length;
      if (count >= maxDatabases)
        throw new P2posError('SQL_LIMIT', {
          count,
          what: 'databases on this node',
          setting: 'sql.max_databases',
        });
      const bare = { app, name, id, engine, preparedAt: clock.now() };
      if (engine === 'sqlite') return placeOf(await write(bare));
      await rqlite.program();
      const taken = new Set([...others.flatMap(({ ports }) => Object.values(ports ?? {})), ...reserved]);
      const ports = await rqlite.choosePorts(taken);
      for (const port of Object.values(ports)) reserved.add(port);
      return placeOf(await write({ ...bare, ports }));
    },
    async open(entry) {
      const { name, id } = entry;
      const manifest = await manifestOf(id);
      if (!manifest)
        throw new P2posError('SQL_CORRUPT', { database: name, reason: 'its files are gone from the disk' });
      if (!manifest.ports)
        return createSqliteEngine({ host: sqlite, clock }, { name, file: join(pathOf(id), 'db.sqlite') });
      return rqlite.open(entry, { folder: pathOf(id), ports: manifest.ports });
    },
    async remove(id) {
      await rm(pathOf(id), { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => sqlite[Symbol.asyncDispose](),
  };
}
