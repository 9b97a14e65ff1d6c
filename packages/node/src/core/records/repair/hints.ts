/**
 * What a replica missed of acknowledged writes, kept by their coordinator until the replica answers again (Dynamo 2007
 * §4.6). A hint is nobody's vote: it is written only after the write was acknowledged without it.
 */
import { type Clock, sleep } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Row, Store } from '../../store/index.ts';
import type { TaskGroup } from '../../tasks/index.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Preference } from '../coordinator/preference.ts';
import type { SignedRecord } from '../format/record.ts';
import type { RecordBody } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';

const MIGRATIONS = [
  `CREATE TABLE repair_hints (
     id INTEGER PRIMARY KEY, peer_id TEXT NOT NULL, until INTEGER NOT NULL, bytes INTEGER NOT NULL,
     header BLOB NOT NULL, value BLOB, proof BLOB NOT NULL);
   CREATE INDEX repair_hints_by_peer ON repair_hints (peer_id, id);`,
];
const KEEP =
  'INSERT INTO repair_hints (peer_id, until, bytes, header, value, proof) VALUES (?, ?, ?, ?, ?, ?)';
const SUM = 'SELECT coalesce(sum(bytes), 0) AS bytes FROM repair_hints';
const SELECT = `SELECT id, bytes, header, value, proof FROM repair_hints WHERE peer_id = ? ORDER BY id LIMIT 64`;

export interface Hints {
  /** In the background; a full or failing disk loses the hint, and anti-entropy does its work. */
  keep(peerId: PeerId, record: SignedRecord): void;
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
  /** Corrected time, ms. */
  readonly now: () => number;
}

export interface HintsConfig {
  readonly keepMs: number;
  readonly maxBytes: number;
  /** Between two tries to deliver. */
  readonly everyMs: number;
  readonly timeoutMs: number;
}

export async function openHints(
  { store, topology, calls, preference, clock, tasks, log, now }: HintsDeps,
  { keepMs, maxBytes, everyMs, timeoutMs }: HintsConfig,
): Promise<Hints> {
  await store.migrate('records_hints', MIGRATIONS);
  const rows = await store.read<Row>('SELECT DISTINCT peer_id FROM repair_hints');
  const peers = new Set<PeerId>(rows.map((row) => String(row['peer_id'])));
  /** Of all that waits, kept here: to add it up on the disk for each hint would read all of them. */
  let waitingBytes = await addUp();

  async function addUp(): Promise<number> {
    const [row] = await store.read<Row>(SUM);
    return Number(row?.['bytes']);
  }

  let wake = Promise.withResolvers<void>();

  /** Whether nothing waits for the peer any more. */
  async function deliver(peerId: PeerId): Promise<boolean> {
    for (;;) {
      const hints = await store.read<Row>(SELECT, [peerId]);
      if (hints.length === 0) return true;
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
      for (const row of hints) waitingBytes -= Number(row['bytes']);
    }
  }

  tasks.run('records_hints', async (signal) => {
    const stop = () => wake.resolve();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      if (peers.size === 0) await wake.promise;
      wake = Promise.withResolvers();
      await sleep(clock, everyMs, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        const [gone] = await store.write([
          { sql: 'DELETE FROM repair_hints WHERE until <= ?', params: [now()] },
        ]);
        if (gone && gone.changes > 0) waitingBytes = await addUp();
        for (const peerId of peers) {
          if (preference.isSilent(peerId)) continue;
          if (await deliver(peerId)) peers.delete(peerId);
        }
      } catch (error) {
        log.debug({ action: 'hints', error }, 'a hint was not delivered and waits');
      }
    }
  });

  return {
    keep(peerId, { header, value, proof }) {
      const bytes = header.length + (value?.length ?? 0) + proof.length;
      if (waitingBytes + bytes > maxBytes) return;
      waitingBytes += bytes;
      store.write([{ sql: KEEP, params: [peerId, now() + keepMs, bytes, header, value, proof] }]).then(
        () => {
          peers.add(peerId);
          wake.resolve();
        },
        (error) => {
          waitingBytes -= bytes;
          log.debug({ action: 'keep_hint', peerId, error }, 'a hint was not kept');
        },
      );
    },
    waiting: () => [...peers],
  };
}
