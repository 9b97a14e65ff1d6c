/**
 * What a replica missed of acknowledged writes, kept by their coordinator until the replica answers again (Dynamo 2007
 * §4.6). A hint is nobody's vote: it is written only after the write was acknowledged without it.
 */
import { parseVersion } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Row, Store } from '../../store/index.ts';
import type { TaskGroup } from '../../tasks/index.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Preference } from '../coordinator/preference.ts';
import { MAX_BATCH_BYTES, type RecordBody } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';
import type { CheckedRecord } from '../replica/stored.ts';

const MIGRATIONS = [
  `CREATE TABLE repair_hints (
     id INTEGER PRIMARY KEY, peer_id TEXT NOT NULL, until INTEGER NOT NULL, bytes INTEGER NOT NULL,
     header BLOB NOT NULL, value BLOB, proof BLOB NOT NULL);
   CREATE INDEX repair_hints_by_peer ON repair_hints (peer_id, id);`,
  'CREATE INDEX repair_hints_by_end ON repair_hints (until);',
];
const KEEP =
  'INSERT INTO repair_hints (peer_id, until, bytes, header, value, proof) VALUES (?, ?, ?, ?, ?, ?)';
const SUMS = 'SELECT peer_id, sum(bytes) AS bytes FROM repair_hints GROUP BY peer_id';
const SELECT_SIZES = 'SELECT id, bytes FROM repair_hints WHERE peer_id = ? ORDER BY id LIMIT 64';
const SELECT =
  'SELECT id, bytes, header, value, proof FROM repair_hints WHERE peer_id = ? AND id <= ? ORDER BY id LIMIT 64';

export interface Hints {
  /** In the background; a full or failing disk loses the hint, and anti-entropy does its work. */
  keep(peerId: PeerId, record: CheckedRecord): void;
  /** Peers for which something waits. */
  waiting(): readonly PeerId[];
}

export interface HintsDeps {
  readonly store: Pick<Store, 'migrate' | 'read' | 'write'>;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly preference: Pick<Preference, 'isSilent'>;
  readonly clock: Clock;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /**
   * Corrected time, ms, of two clocks that differ the later: what is old by one of them may be deleted and forgotten. Undefined:
   * nobody has told it yet, so nothing is known to be young enough to be handed over.
   */
  readonly latestTime: () => number | undefined;
}

export interface HintsConfig {
  /** From when a record was written: this node's clock may jump until it is kept. */
  readonly keepMs: number;
  readonly maxBytes: number;
  /** Between two tries to deliver. */
  readonly everyMs: number;
  readonly timeoutMs: number;
}

export async function openHints(
  { store, topology, calls, preference, clock, tasks, log, latestTime }: HintsDeps,
  { keepMs, maxBytes, everyMs, timeoutMs }: HintsConfig,
): Promise<Hints> {
  await store.migrate('records_hints', MIGRATIONS);
  /** Of what waits for each, kept here: to add it up on the disk for each hint would read all of them. */
  let bytesOf = await addUp();
  const peers = new Set<PeerId>(bytesOf.keys());

  async function addUp(): Promise<Map<PeerId, number>> {
    const rows = await store.read<Row>(SUMS);
    return new Map(rows.map((row) => [String(row['peer_id']), Number(row['bytes'])]));
  }

  function count(peerId: PeerId, bytes: number): void {
    const left = (bytesOf.get(peerId) ?? 0) + bytes;
    if (left > 0) bytesOf.set(peerId, left);
    else bytesOf.delete(peerId);
  }

  /** What waits for one is never more than is left for others, so that who stays away takes no room from those who do not. */
  function hasRoom(peerId: PeerId, bytes: number): boolean {
    let left = maxBytes - bytes;
    for (const one of bytesOf.values()) left -= one;
    return left >= 0 && (bytesOf.get(peerId) ?? 0) + bytes <= left + bytes;
  }

  /** The oldest that wait for the peer, as many as one request carries. */
  async function next(peerId: PeerId): Promise<Row[]> {
    let bytes = 0;
    let last = 0;
    for (const row of await store.read<Row>(SELECT_SIZES, [peerId])) {
      bytes += Number(row['bytes']);
      if (last > 0 && bytes > MAX_BATCH_BYTES) break;
      last = Number(row['id']);
    }
    return store.read<Row>(SELECT, [peerId, last]);
  }

  /** Whether nothing is left that has waited too long. */
  async function forget(time: number): Promise<boolean> {
    try {
      const [gone] = await store.write([
        { sql: 'DELETE FROM repair_hints WHERE until <= ?', params: [time] },
      ]);
      if (gone && gone.changes > 0) bytesOf = await addUp();
      return true;
    } catch (error) {
      log.debug({ action: 'hints', error }, 'hints that are too old were not let go');
      return false;
    }
  }

  /** One request; whether more may wait. */
  async function deliver(peerId: PeerId): Promise<boolean> {
    // Before it is read, so that a hint which comes meanwhile is not overlooked.
    peers.delete(peerId);
    try {
      if (!(await handOver(peerId))) return false;
      peers.add(peerId);
      return true;
    } catch (error) {
      peers.add(peerId);
      log.debug({ action: 'hints', peerId, error }, 'a hint was not delivered and waits');
      return false;
    }
  }

  /** Whether there was anything. */
  async function handOver(peerId: PeerId): Promise<boolean> {
    const hints = await next(peerId);
    if (hints.length === 0) return false;
    const { epoch, hash } = topology.current();
    const records = hints.map(
      (row): RecordBody => [
        row['header'] as Uint8Array,
        row['value'] as Uint8Array | null,
        row['proof'] as Uint8Array,
      ],
    );
    await calls.ask(peerId, 'relay', { epoch, placement: hash, records }, { timeoutMs });
    await store.write(
      hints.map((row) => ({ sql: 'DELETE FROM repair_hints WHERE id = ?', params: [Number(row['id'])] })),
    );
    for (const row of hints) count(peerId, -Number(row['bytes']));
    return true;
  }

  /** In turns of one request each, so that who takes long for its answers holds up others by one at a time. */
  async function deliverAll(signal: AbortSignal): Promise<void> {
    const until = clock.monotonic() + everyMs;
    let turn = [...peers];
    while (turn.length > 0 && !signal.aborted) {
      const left: PeerId[] = [];
      for (const peerId of turn)
        if (!preference.isSilent(peerId) && (await deliver(peerId))) left.push(peerId);
      // Then those for whom something has come meanwhile have their turn too.
      turn = clock.monotonic() < until ? left : [];
    }
  }

  let wake = Promise.withResolvers<void>();
  tasks.run('records_hints', async (signal) => {
    const stop = () => wake.resolve();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      if (peers.size === 0) await wake.promise;
      wake = Promise.withResolvers();
      await sleep(clock, everyMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      const time = latestTime();
      if (time === undefined || !(await forget(time))) continue;
      await deliverAll(signal);
    }
  });

  return {
    keep(peerId, { header, value, proof, fields }) {
      const bytes = header.length + (value?.length ?? 0) + proof.length;
      if (!hasRoom(peerId, bytes)) return;
      count(peerId, bytes);
      const until = parseVersion(fields.version).ms + keepMs;
      store.write([{ sql: KEEP, params: [peerId, until, bytes, header, value, proof] }]).then(
        () => {
          peers.add(peerId);
          wake.resolve();
        },
        (error) => {
          count(peerId, -bytes);
          log.debug({ action: 'keep_hint', peerId, error }, 'a hint was not kept');
        },
      );
    },
    waiting: () => [...peers],
  };
}
