/** What lies on all disks, behind the backs of the nodes: whether an acknowledgement is true, and whether replicas are alike. */
import type { Row, SqlValue } from '../../packages/node/src/core/store/index.ts';
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';
import type { At } from './clients/plain.ts';
import { rowsOf } from './rows.ts';
import { isListed, type Wounds } from './wounds.ts';

export interface Disks {
  /** Before an operation through that node: where it will be stored. */
  place(at: At, namespace: string, key: string): Place;
  /** In words, when fewer disks of its replicas than were promised hold what was just acknowledged. */
  doubt(place: Place, version: string, durable: number): string | undefined;
  /** After all was repaired: of each live record the replicas that lack it, and others that have it. */
  differences(): string[];
  /** Deletions that any node still remembers. */
  graves(): number;
  /** Of these keys, deleted by acknowledged deletions, how many no node remembers. */
  forgotten(keys: readonly string[]): number;
}

export interface Place {
  readonly at: At;
  readonly namespace: string;
  readonly key: string;
  /** As the node saw them then; empty when it saw none. */
  readonly replicas: readonly string[];
  readonly since: number;
}

/** A record, and what each node has of it. */
interface Found {
  readonly namespace: string;
  readonly partition: Uint8Array;
  readonly holders: Map<string, string>;
}

/** Of the replicas of every record here. */
const MAJORITY = 2;
const REPLICAS = 3;
const HELD = 'SELECT version FROM records WHERE namespace = ? AND key = ?';
const ALIVE = `
  SELECT namespace, key, partition, version, hex(leaf) AS leaf FROM records
  WHERE tombstone = 0 AND value IS NOT NULL AND replicas = ${REPLICAS} AND (namespace = 'default/kv' OR expires_at IS NULL)
    AND (expires_at IS NULL OR expires_at > ?) ORDER BY id`;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export function createDisks(sim: Simnet, wounds: Wounds): Disks {
  const rows = <R extends Row>(i: number, sql: string, params?: readonly SqlValue[]) =>
    rowsOf<R>(sim, i, 'records', sql, params);

  const graves = (i: number) =>
    rows<{ key: Uint8Array }>(i, "SELECT key FROM records WHERE tombstone = 1 AND namespace = 'default/kv'");

  function replicasOf({ node, i }: At, namespace: string, key: string): readonly string[] {
    // Of a set that is no longer the present one the node need not know yet.
    const isCurrent = node.membership.view().epoch === sim.snapshot.body.epoch;
    if (!isCurrent || !isListed(sim, i)) return [];
    return node.records.locate({ namespace, partition: utf8.encode(key) }).replicas;
  }

  return {
    place: (at, namespace, key) => ({
      at,
      namespace,
      key,
      replicas: replicasOf(at, namespace, key),
      since: sim.clock.monotonic(),
    }),
    doubt({ at, namespace, key, replicas, since }, version, durable) {
      const bytes = utf8.encode(key);
      const holds = (i: number) => {
        const [row] = rows<{ version: string }>(i, HELD, [namespace, bytes]);
        // A disk may be lost between its answer and this look at it.
        return (row !== undefined && row.version >= version) || wounds.replacedSince(i, since);
      };
      const isSettled = replicas.join() === replicasOf(at, namespace, key).join() && replicas.length > 0;
      const holders = [...sim.nodes.entries()].filter(
        ([i, { peerId }]) => (!isSettled || replicas.includes(peerId)) && holds(i),
      );
      if (durable >= MAJORITY && holders.length >= MAJORITY) return undefined;
      return `${key}: ${version} was acknowledged as on ${durable} disks and is on ${holders.length}`;
    },
    differences() {
      const now = sim.clock.now();
      const found = new Map<string, Found>();
      for (const [i, { peerId }] of sim.nodes.entries()) {
        if (!isListed(sim, i)) continue;
        for (const row of rows<{
          namespace: string;
          key: Uint8Array;
          partition: Uint8Array;
          version: string;
          leaf: string;
        }>(i, ALIVE, [now])) {
          const name = `${row.namespace} ${text.decode(row.key)}`;
          // Empty when it equals the key.
          const partition = row.partition.length > 0 ? row.partition : row.key;
          const one = found.get(name) ?? { namespace: row.namespace, partition, holders: new Map() };
          one.holders.set(peerId, `${row.version} ${row.leaf}`);
          found.set(name, one);
        }
      }
      const asked = sim.nodes.find((_, i) => isListed(sim, i) && sim.isUp(i));
      const differences: string[] = [];
      for (const [name, { holders, ...place }] of found) {
        const replicas: readonly string[] = asked?.records.locate(place).replicas ?? [];
        const versions = new Set(replicas.map((peerId) => holders.get(peerId) ?? 'nothing'));
        const numberOf = (peerId: string) => sim.nodes.findIndex((node) => node.peerId === peerId);
        if (versions.size > 1) {
          const told = replicas.map(
            (peerId) => `node${numberOf(peerId)} ${holders.get(peerId) ?? 'nothing'}`,
          );
          differences.push(`${name}: its replicas hold different things: ${told.join(', ')}`);
        }
        const strays = [...holders.keys()].filter((peerId) => !replicas.includes(peerId));
        if (strays.length > 0)
          differences.push(`${name}: still lies on ${strays.map((peerId) => `node${numberOf(peerId)}`)}`);
      }
      return differences;
    },
    graves: () => sim.nodes.reduce((sum, _, i) => sum + graves(i).length, 0),
    forgotten(keys) {
      const remembered = new Set(sim.nodes.flatMap((_, i) => graves(i).map(({ key }) => text.decode(key))));
      return keys.filter((key) => !remembered.has(key)).length;
    },
  };
}
