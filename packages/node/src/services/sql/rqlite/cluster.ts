/** The voters of one database, as this node's rqlited knows them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../../core/net/index.ts';
import type { Entry } from '../catalogue.ts';
import type { Cluster, EngineOptions } from '../engine.ts';
import type { Door } from './door.ts';
import type { Voter } from './voter.ts';

/** Of `/status`. */
export interface EngineView {
  readonly store?: {
    readonly leader?: { readonly node_id?: string };
    readonly raft?: {
      readonly state?: string;
      readonly applied_index?: number;
      readonly term?: number | string;
    };
    readonly dir_size?: number;
    readonly ready?: boolean;
  };
}

export interface ClusterDeps {
  readonly door: Pick<Door, 'ask'>;
  readonly voter: Pick<Voter, 'restart'>;
  look(signal?: AbortSignal): Promise<EngineView>;
}

export interface ClusterConfig {
  readonly self: PeerId;
  readonly entry: Entry;
  /** Where the voter's files are. */
  readonly folder: string;
}

export const STATUS_BYTES = 1_048_576;

export function createCluster(
  { door, voter, look }: ClusterDeps,
  { self, entry, folder }: ClusterConfig,
): Cluster {
  const { name } = entry;

  async function ask<T>(
    method: 'GET' | 'DELETE',
    path: string,
    body: unknown,
    options: EngineOptions,
  ): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const answer = await door.ask(method, path, text, { ...options, maxBytes: STATUS_BYTES });
    if (answer.status !== 200)
      throw new P2posError('SQL_ENGINE_FAILED', {
        database: name,
        reason: answer.body.toString('utf8').trim(),
      });
    const told = answer.body.toString('utf8');
    return (told === '' ? undefined : JSON.parse(told)) as T;
  }

  return {
    async voters(options) {
      if ((await look(options.signal)).store?.raft?.state !== 'Leader') return undefined;
      type Told = {
        readonly nodes: readonly {
          readonly id: string;
          readonly reachable: boolean;
          readonly voter: boolean;
        }[];
      };
      const { nodes } = await ask<Told>('GET', '/nodes?ver=2&nonvoters&timeout=2s', undefined, options);
      return nodes.map(({ id, reachable, voter: votes }) => ({ peerId: id, reachable, votes }));
    },
    async remove(peerId, options) {
      await ask('DELETE', '/remove', { id: peerId }, options);
    },
    async recover() {
      const own = entry.holders.find(({ peerId }) => peerId === self);
      // Read by rqlited at its next start, once: https://rqlite.io/docs/clustering/general-guidelines
      const peers = [{ id: self, address: `${own?.host}:${own?.port}`, non_voter: false }];
      await voter.restart(() => writeFile(join(folder, 'data', 'raft', 'peers.json'), JSON.stringify(peers)));
    },
  };
}
