/**
 * Reads through all that is held, a little every minute, so that damage on the disk is found while others still hold what was
 * damaged: hashes and signature of each record, and whether its row says of it what the record says itself. What is wrong is
 * written anew, from the record where that is whole, else from another replica. What reads and writes have met damaged comes
 * first.
 */
import { type Crypto, equalBytes, isVersion, parseVersion } from '@p2pos/protocol';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Random } from '../../random/index.ts';
import type { Store } from '../../store/index.ts';
import type { TaskGroup } from '../../tasks/index.ts';
import { decodeState } from '../cas/state.ts';
import type { ReplicaCalls } from '../coordinator/calls.ts';
import type { Declarations } from '../declarations.ts';
import { leafHash } from '../format/merkle.ts';
import { authorOf, decodeHeader, fitsValue, type RecordHeader, readHeader } from '../format/record.ts';
import type { SealVerifier } from '../format/seal.ts';
import { unionOf } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { Replica } from '../replica/replica.ts';
import { placeOf, writeAnew } from '../replica/store.ts';
import { type CheckedRecord, partitionOf, type RecordName, type RecordRow } from '../replica/stored.ts';
import type { Aside } from './reconciliation/aside.ts';
import type { SlotContents } from './reconciliation/digests.ts';

export interface ScrubDeps {
  readonly self: PeerId;
  readonly store: Pick<Store, 'read' | 'write'>;
  readonly replica: Pick<Replica, 'write'>;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly topology: Topology;
  readonly declarations: Declarations;
  readonly contents: Pick<SlotContents, 'changed'>;
  readonly aside: Aside;
  readonly verifier: SealVerifier;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly random: Pick<Random, 'float'>;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** The same; undefined as long as nobody else has told the time. */
  readonly toldTime: () => number | undefined;
  readonly settleRegister: (name: RecordName) => Promise<void>;
}

export interface ScrubConfig {
  readonly timeoutMs: number;
  /** In which everything is read once. */
  readonly wholeMs: number;
}

const STEP_MS = 60_000;
/** Far longer than a write or a proposal goes on. */
const UNDER_WAY_MS = 60_000;
/** Of the greatest records 9 MiB: less than a read may give. */
const PAGE = 64;
const FIELDS = `id, replicas, slot, tombstone, expires_at, namespace, key, partition, version, leaf, header, value, proof,
  damaged, replaced_version, replaced_live`;
const SELECT = `SELECT ${FIELDS} FROM records WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`;
const SELECT_MET = `SELECT ${FIELDS} FROM records INDEXED BY records_damaged WHERE damaged > 0 AND id > ? ORDER BY id LIMIT ?`;
const MARK = 'UPDATE records SET damaged = 2 WHERE id = ? AND leaf = ? AND header = ? AND damaged < 2';
const SELECT_DAMAGED = 'SELECT damaged FROM records WHERE id = ?';

type Row = RecordRow & {
  id: number;
  replicas: number;
  slot: number;
  tombstone: number;
  expires_at: number | null;
};

export function startScrub(deps: ScrubDeps, { timeoutMs, wholeMs }: ScrubConfig): void {
  const { self, store, replica, calls, topology, declarations, contents, verifier, crypto, log, now } = deps;
  const { aside, toldTime } = deps;
  /** Restarts begin anywhere, so that a node which is often restarted reads all of its disk too. */
  let after: number | undefined;
  let metAfter = 0;

  /** The record as it should lie here; undefined: its own bytes are damaged. */
  async function genuine({ header, value, proof }: Row): Promise<CheckedRecord | undefined> {
    try {
      const fields = decodeHeader(header);
      const register = declarations.get(fields.namespace)?.kind === 'cas';
      const count = declarations.get(fields.namespace)?.replicas;
      if (count === undefined || !(await verifier.verify({ header, proof }, authorOf(fields))))
        return undefined;
      const gone = value === null && (fields.value === undefined || isOver(fields));
      if (!gone && !(value && fitsValue(crypto, fields, value))) return undefined;
      return {
        header,
        value,
        proof,
        fields,
        leaf: leafHash(crypto, header),
        slot: deps.slotOf(fields.namespace, fields.partition),
        count,
        ...(register && { register: { deleted: value === null || decodeState(value).value === null } }),
      };
    } catch {
      return undefined;
    }
  }

  const isOver = ({ expiresAt }: RecordHeader) => expiresAt !== undefined && expiresAt <= now();

  function agrees(row: Row, { fields, leaf, slot, count, register }: CheckedRecord): boolean {
    const [namespace, key, partition] = placeOf(fields);
    // Of an expired register the row remembers what its value said.
    const tombstone = fields.value === undefined || (register?.deleted && row.value !== null) ? 1 : 0;
    return (
      row.namespace === namespace &&
      equalBytes(row.key, key) &&
      equalBytes(row.partition, partition) &&
      row.version === fields.version &&
      equalBytes(row.leaf, leaf) &&
      row.slot === slot &&
      row.replicas === count &&
      row.expires_at === (fields.expiresAt ?? null) &&
      (row.tombstone === tombstone || (register !== undefined && row.value === null))
    );
  }

  async function check(row: Row, signal: AbortSignal): Promise<void> {
    if (!declarations.get(row.namespace) && isUndeclared(row)) return;
    const record = await genuine(row);
    if (record && row.damaged === 0 && agrees(row, record)) return;
    const { slot, version } = row;
    log.error(
      { action: 'record_damaged', slot, version },
      'reading through the disk found a damaged record: it is written anew',
    );
    if (record) {
      try {
        await store.write(writeAnew(row, record, now()));
      } finally {
        contents.changed(row.replicas, slot);
        contents.changed(record.count, record.slot);
      }
      return;
    }
    // From here on the same version may take its place, or a newer one: the record itself is damaged, so its row is not.
    await store.write([{ sql: MARK, params: [row.id, row.leaf, row.header] }]);
    await fetch(row, signal);
  }

  /** Of a namespace that nobody has declared here, nothing can be judged. */
  function isUndeclared({ header }: Row): boolean {
    const fields = readHeader(header);
    return fields !== undefined && declarations.get(fields.namespace) === undefined;
  }

  /** Whatever was under way when it was written has ended since. */
  function isPast({ version }: Row): boolean {
    const time = toldTime();
    return time !== undefined && isVersion(version) && parseVersion(version).ms < time - UNDER_WAY_MS;
  }

  async function fetch(row: Row, signal: AbortSignal): Promise<void> {
    const { id, namespace, key, partition } = row;
    const name = { namespace, key, partition: partitionOf({ key, partition }) };
    const declaration = declarations.get(namespace);
    if (!declaration) return;
    const slot = deps.slotOf(namespace, name.partition);
    const generation = topology.generation();
    // Who was removed by force is not waited for.
    const sets = topology.moves.left(slot, declaration.replicas, new Set([self]));
    const others = unionOf(sets.map(({ peers }) => peers));
    let lacking = 0;
    for (const peerId of others) {
      if (signal.aborted) return;
      try {
        const { epoch, hash } = topology.current();
        const placed = { epoch, placement: hash };
        const place = [namespace, key, partition.length === 0 ? null : partition] as const;
        const { answers } = await calls.ask(peerId, 'read', { ...placed, names: [place] }, { timeoutMs });
        const [answer] = answers;
        if (answer?.result === 'absent') lacking++;
        if (!answer?.record) continue;
        const [written] = await replica.write({ ...placed, records: [answer.record] }, self, {
          relayed: true,
        });
        if (written?.result === 'promised') await deps.settleRegister(name);
        const [left] = await store.read<{ damaged: number }>(SELECT_DAMAGED, [id]);
        if (!left?.damaged) return;
        if (answer.result === 'found' && written?.result === 'behind') lacking++;
      } catch (error) {
        log.debug({ action: 'scrub', peerId, error }, 'another replica did not give what is damaged here');
      }
    }
    // Those count, and hold something older or nothing: it was acknowledged by nobody, or they have forgotten it.
    if (lacking === others.length && lacking > 0 && generation === topology.generation() && isPast(row))
      await aside.set(row.replicas, row.slot, [new Uint8Array(row.leaf)]);
  }

  async function checkAll(rows: readonly Row[], signal: AbortSignal): Promise<void> {
    for (const row of rows) {
      if (signal.aborted) return;
      await check(row, signal).catch((error) =>
        log.error({ action: 'scrub', slot: row.slot, error }, 'a damaged record was not mended'),
      );
    }
  }

  /** What cannot be read hides nothing that lies beside it or after it. */
  async function page(from: number, end: number): Promise<{ rows: readonly Row[]; upTo: number }> {
    try {
      const rows = await store.read<Row>(SELECT, [from, end, PAGE]);
      return { rows, upTo: rows.length === PAGE ? (rows.at(-1) as Row).id : end };
    } catch (error) {
      log.error({ action: 'scrub', error }, 'a part of the disk cannot be read');
      const upTo = Math.min(end, from + PAGE);
      const rows: Row[] = [];
      for (let id = from; id < upTo; id++)
        rows.push(...(await store.read<Row>(SELECT, [id, id + 1, 1]).catch(() => [])));
      return { rows, upTo };
    }
  }

  deps.tasks.every({ name: 'records_scrub', intervalMs: STEP_MS }, async (signal) => {
    const met = await store.read<Row>(SELECT_MET, [metAfter, PAGE]).catch((): Row[] => []);
    await checkAll(met, signal);
    metAfter = met.length === PAGE ? (met.at(-1) as Row).id : 0;
    const [bounds] = await store.read<{ last: number | null }>('SELECT max(id) AS last FROM records');
    const last = bounds?.last ?? 0;
    if (last === 0) return;
    if (after === undefined || after >= last)
      after = after === undefined ? Math.floor(deps.random.float() * last) : 0;
    const end = after + Math.ceil((last * STEP_MS) / wholeMs);
    while (after < end && !signal.aborted) {
      const { rows, upTo } = await page(after, end);
      await checkAll(rows, signal);
      after = upTo;
    }
  });
}
