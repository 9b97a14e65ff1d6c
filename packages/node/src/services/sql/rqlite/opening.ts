/** From what the catalogue and the manifest say of a database to its voter on this node. */
import { join } from 'node:path';
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { Logger } from '../../../core/log/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Entry } from '../catalogue.ts';
import type { Engine } from '../engine.ts';
import type { SqliteHost } from '../sqlite/process.ts';
import { adaptForVoters } from './adapting.ts';
import { deriveCredentials } from './credentials.ts';
import { createDoor } from './door.ts';
import { createRqliteEngine } from './engine.ts';
import { type HeldPort, holdPort, type PortRange } from './ports.ts';
import { findProgram, type Program } from './program.ts';
import { startVoter } from './voter.ts';

export interface RqliteDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly sqlite: Pick<SqliteHost, 'run'>;
}

export interface RqliteConfig {
  readonly self: PeerId;
  /** Where other voters reach those of this node. */
  readonly host: string;
  readonly ports: PortRange;
  readonly program: { readonly file?: string | undefined; readonly development: boolean };
  readonly maxResultBytes: number;
}

/** Remembered for the life of the database. */
export interface Ports {
  readonly raft: number;
  readonly http: number;
}

export interface Rqlite {
  readonly host: string;
  /** @throws P2posError SQL_ENGINE_MISSING */
  program(): Promise<Program>;
  choosePorts(taken: ReadonlySet<number>): Promise<Ports>;
  /** @throws P2posError SQL_ENGINE_MISSING, SQL_ENGINE_FAILED */
  open(entry: Entry, place: { readonly folder: string; readonly ports: Ports }): Promise<Engine>;
}

const HOLD_MS = 60_000;

export function createRqlite(deps: RqliteDeps, config: RqliteConfig): Rqlite {
  const { clock, random, log } = deps;
  const held = new Map<number, HeldPort & { readonly patience: Disposable }>();
  const { self, host } = config;
  let found: Promise<Program | string> | undefined;

  async function program(): Promise<Program> {
    found ??= findProgram(config.program).then((result) => {
      if (typeof result !== 'string') {
        const { file, version, capabilities } = result;
        const fields = { action: 'sql_engine_found', file, version };
        if (capabilities.rewrites) log.info(fields, 'rqlited was found');
        else log.warn(fields, 'this rqlited is too old for anything but development: it may lose data');
      }
      return result;
    });
    const result = await found;
    if (typeof result !== 'string') return result;
    found = undefined;
    throw new P2posError('SQL_ENGINE_MISSING', { engine: 'rqlite', peerId: self, reason: result });
  }

  /** Until its voter starts, or nobody wants it any more. */
  function hold(one: HeldPort): number {
    const patience = clock.after(HOLD_MS, () => void release(one.port));
    held.set(one.port, { ...one, patience });
    return one.port;
  }

  async function release(port: number): Promise<void> {
    const one = held.get(port);
    held.delete(port);
    one?.patience[Symbol.dispose]();
    await one?.release();
  }

  return {
    host,
    program,
    async choosePorts(taken) {
      const raft = hold(await holdPort(random, config.ports, host, taken));
      const http = hold(await holdPort(random, config.ports, '127.0.0.1', new Set([...taken, raft])));
      return { raft, http };
    },
    async open(entry, { folder, ports }) {
      const { name, holders, secret } = entry;
      const own = holders.find(({ peerId }) => peerId === self);
      if (!secret || own?.port === undefined || own.host === undefined)
        throw new P2posError('SQL_ENGINE_FAILED', {
          database: name,
          reason: 'its entry in the catalogue lacks its ports',
        });
      const used = await program();
      for (const port of Object.values(ports)) await release(port);
      const credentials = deriveCredentials(secret);
      const voter = await startVoter(deps, {
        program: used,
        folder,
        nodeId: self,
        httpPort: ports.http,
        host: own.host,
        raftPort: own.port,
        credentials,
        voters: holders
          .filter(({ peerId, reader }) => reader !== true || peerId === self)
          .map(({ host: at, port }) => `${at}:${port}`),
        founds: own.joined !== true && own.reader !== true,
        reads: own.reader === true,
      });
      const door = createDoor({ port: ports.http, credentials, name });
      return createRqliteEngine(
        {
          ...deps,
          door,
          voter,
          program: used,
          adapt: (file) => adaptForVoters(deps.sqlite, { name, file: join(folder, 'restore.sqlite') }, file),
        },
        { self, entry, folder, maxResultBytes: config.maxResultBytes },
      );
    },
  };
}
