/** Who holds a database and how each of them is; and what is left to do when most of them are gone. */
import {
  isP2posError,
  P2posError,
  type SqlDatabase,
  type SqlHolderStatus,
  type SqlStatus,
} from '@p2pos/protocol';
import type { PeerId } from '../../core/net/index.ts';
import type { Backups } from './backups.ts';
import type { Catalogue, Entry, Found } from './catalogue.ts';
import type { CallOptions, SqlDeps } from './deps.ts';
import type { EngineOptions } from './engine.ts';
import type { Hosting, Target } from './hosting.ts';
import { SQL } from './wire.ts';

export interface StandingDeps extends Pick<SqlDeps, 'self' | 'rpc' | 'log'> {
  readonly catalogue: Pick<Catalogue, 'read' | 'replace'>;
  readonly hosting: Pick<Hosting, 'engineOf'>;
  readonly backups: Backups | undefined;
}

interface Name {
  readonly app: string;
  readonly name: string;
}

export interface Standing {
  status(input: Name, options?: CallOptions): Promise<SqlStatus>;
  /**
   * Where a majority of the voters is gone for good: the survivor that is furthest goes on alone, and others join it.
   *
   * @throws P2posError SQL_RECOVER_RISK: not confirmed; its text says what may be lost. SQL_UNSUPPORTED: there is a majority
   */
  recover(
    input: Name & { readonly confirm: string | undefined },
    options?: CallOptions,
  ): Promise<{ readonly survivor: PeerId; readonly index: number }>;
}

const ASK_MS = 5_000;

export function createStanding({ self, rpc, log, catalogue, hosting, backups }: StandingDeps): Standing {
  async function statusOf(
    { app, name }: Name,
    options: CallOptions,
  ): Promise<{ readonly found: Found; readonly status: SqlStatus }> {
    const found = await catalogue.read({ app, name }, options);
    if (!found) throw new P2posError('SQL_DATABASE_NOT_FOUND', { database: name });
    const target = { app, name, id: found.entry.id };
    const ask = async (peerId: PeerId) => {
      if (peerId === self) return statusHere({ hosting, backups }, target, { timeoutMs: ASK_MS });
      return rpc.call(peerId, SQL, 'status', target, { timeoutMs: ASK_MS, signal: options.signal });
    };
    const holders = await Promise.all(
      found.entry.holders.map(async ({ peerId }) => {
        try {
          return { peerId, reachable: true, ...(await ask(peerId)) };
        } catch (error) {
          const problem = isP2posError(error) ? error.message : 'it failed inside';
          return {
            peerId,
            reachable: false,
            role: 'unknown' as const,
            engineVersion: null,
            index: null,
            bytes: null,
            problem,
          };
        }
      }),
    );
    return { found, status: { database: described(found.entry), holders } };
  }

  return {
    async status(name, options = {}) {
      return (await statusOf(name, options)).status;
    },

    async recover({ confirm, ...name }, options = {}) {
      const { found, status } = await statusOf(name, options);
      const { entry } = found;
      const alive = status.holders.filter(({ index }) => index !== null);
      const furthest = alive.toSorted((a, b) => (b.index ?? 0) - (a.index ?? 0));
      const survivor = furthest.find(({ role }) => role !== 'reader') ?? furthest[0];
      if (!survivor || entry.engine === 'sqlite') {
        const holders = entry.holders.map(({ peerId }) => peerId).join(', ');
        throw new P2posError('SQL_HOLDER_UNREACHABLE', { database: name.name, holders });
      }
      const voters = entry.holders.filter(({ reader }) => reader !== true);
      const isVoter = ({ peerId }: { readonly peerId: PeerId }) =>
        voters.some((voter) => voter.peerId === peerId);
      if (alive.filter(isVoter).length * 2 > voters.length)
        throw new P2posError('SQL_UNSUPPORTED', {
          reason: 'a majority of the voters is there, so nothing needs to be recovered',
        });
      const index = survivor.index ?? 0;
      const told = {
        database: name.name,
        survivor: survivor.peerId,
        index,
        lost: voters.length - alive.filter(isVoter).length,
      };
      if (confirm !== name.name) throw new P2posError('SQL_RECOVER_RISK', told);
      const target = { ...name, id: entry.id };
      const holders = entry.holders
        .filter(({ peerId }) => peerId === survivor.peerId)
        .map(({ reader: _, ...holder }) => holder);
      const next = { ...entry, holders };
      if (!(await catalogue.replace(found, next, options)))
        throw new P2posError('SQL_PLACEMENT_STALE', { database: name.name, peerId: survivor.peerId });
      if (survivor.peerId === self) await (await hosting.engineOf(target)).cluster?.recover();
      else
        await rpc.call(survivor.peerId, SQL, 'recover', target, {
          timeoutMs: 2 * ASK_MS,
          signal: options.signal,
        });
      log.warn({ action: 'sql_recovered', ...told }, 'a database goes on from one survivor');
      return { survivor: survivor.peerId, index };
    },
  };
}

/** Of this node's holder. */
export async function statusHere(
  {
    hosting,
    backups,
  }: { readonly hosting: Pick<Hosting, 'engineOf'>; readonly backups: Backups | undefined },
  target: Target,
  options: EngineOptions,
): Promise<Omit<SqlHolderStatus, 'peerId' | 'reachable'>> {
  const status = await (await hosting.engineOf(target)).status(options);
  const kept = (await backups?.kept(target)) ?? [];
  const newest = kept.at(-1);
  if (newest === undefined) return status;
  return { ...status, backups: { count: kept.length, newest: new Date(newest).toISOString() } };
}

export function described({ name, engine, holders, createdAt, backup, readers = 0 }: Entry): SqlDatabase {
  return {
    name,
    engine,
    holders: holders.map(({ peerId }) => peerId),
    createdAt: new Date(createdAt).toISOString(),
    ...(readers > 0 && { readers }),
    ...(backup && { backup }),
  };
}
