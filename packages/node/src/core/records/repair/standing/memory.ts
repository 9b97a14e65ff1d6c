/**
 * What this node remembers of the disks of others, and others of this one's: which store, how far it had come. A claim that
 * contradicts the memory means that the disk was lost or is an old copy. A store that has caught up after that claims a
 * greater term, which no older copy of it can.
 */
import type { PeerId } from '../../../net/index.ts';
import type { Row, Store } from '../../../store/index.ts';

export interface Claim {
  readonly storeId: string;
  /** How often a store of this node had to catch up. */
  readonly term: number;
  readonly commits: number;
}

/** `unknown`: heard for the first time. */
export type Verdict = 'unknown' | 'known' | 'contradicted';

export function judge(remembered: Claim | undefined, claim: Claim): Verdict {
  if (!remembered) return 'unknown';
  if (remembered.term !== claim.term) return claim.term > remembered.term ? 'known' : 'contradicted';
  return claim.storeId === remembered.storeId && claim.commits >= remembered.commits
    ? 'known'
    : 'contradicted';
}

/** One that was released is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE repair_memory (
    peer_id TEXT PRIMARY KEY,
    store_id TEXT NOT NULL,
    term INTEGER NOT NULL,
    commits INTEGER NOT NULL
  );
  -- One row. Registers: no ballot up to floor_ms gets a promise, since one may have been forgotten.
  CREATE TABLE repair_self (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    term INTEGER NOT NULL,
    floor_ms INTEGER NOT NULL
  );
  `,
  `
  -- This disk has counted: it is not one that replaces another. One that remembers others is older than this column.
  ALTER TABLE repair_self ADD COLUMN established INTEGER NOT NULL DEFAULT 0;
  INSERT INTO repair_self SELECT 1, 0, 0, 1 WHERE EXISTS (SELECT 1 FROM repair_memory)
    ON CONFLICT (id) DO UPDATE SET established = 1;
  `,
  `
  -- Contradicted, and has not caught up since.
  ALTER TABLE repair_self ADD COLUMN learner INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Of a learner: in which slots it counts again.
  CREATE TABLE repair_caught (replicas INTEGER NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (replicas, slot)) WITHOUT ROWID;
  `,
  `
  -- The snapshots that listed this node again after it had been removed, and of which conclusions were drawn.
  CREATE TABLE repair_absences (listed_by TEXT PRIMARY KEY) WITHOUT ROWID;
  `,
  `
  -- Where what is held may have been deleted while this node was no member, and the epoch since which it is one again.
  CREATE TABLE repair_returning (replicas INTEGER NOT NULL, slot INTEGER NOT NULL, epoch INTEGER NOT NULL,
    PRIMARY KEY (replicas, slot)) WITHOUT ROWID;
  `,
];
const SELECT = 'SELECT peer_id, store_id, term, commits FROM repair_memory';
const KEEP = `
  INSERT INTO repair_memory VALUES (?1, ?2, ?3, ?4) ON CONFLICT (peer_id) DO UPDATE SET
    store_id = excluded.store_id, term = excluded.term, commits = excluded.commits`;
const SAVE_SELF = `
  INSERT INTO repair_self VALUES (1, ?1, ?2, 1, 0)
  ON CONFLICT (id) DO UPDATE SET term = excluded.term, floor_ms = excluded.floor_ms, established = 1, learner = 0`;
const SAVE_LEARNER = `
  INSERT INTO repair_self VALUES (1, ?1, 0, 0, 1) ON CONFLICT (id) DO UPDATE SET term = excluded.term, learner = 1`;
const SELECT_CAUGHT = 'SELECT replicas, slot FROM repair_caught';
const SAVE_CAUGHT = 'INSERT INTO repair_caught VALUES (?1, ?2) ON CONFLICT DO NOTHING';
const SAVE_ABSENCE = 'INSERT INTO repair_absences VALUES (?1) ON CONFLICT DO NOTHING';
const SELECT_RETURNING = 'SELECT replicas, slot, epoch FROM repair_returning';
const SAVE_RETURNING = `INSERT INTO repair_returning VALUES (?1, ?2, ?3)
  ON CONFLICT (replicas, slot) DO UPDATE SET epoch = min(epoch, excluded.epoch)`;
const FORGET_RETURNING = 'DELETE FROM repair_returning WHERE replicas = ?1 AND slot = ?2';
const FORGET_CAUGHT = { sql: 'DELETE FROM repair_caught' };

/** A slot of those with so many replicas. */
export interface PlacedSlot {
  readonly count: number;
  readonly slot: number;
}

/** What is held there may have been deleted before this epoch. */
export interface ReturningSlot extends PlacedSlot {
  readonly epoch: number;
}

export interface Heard {
  readonly verdict: Verdict;
  /** The one that is remembered. */
  readonly term: number;
  /** What the claim contradicts. */
  readonly remembered?: Claim;
}

export interface PeerMemory {
  readonly term: number;
  readonly floorMs: number;
  /** This disk has counted before: what it does not remember was never there. */
  readonly established: boolean;
  /** Durable before it resolves, but for how far a store that was known has come where the disk takes nothing. */
  hear(peerId: PeerId, claim: Claim): Promise<Heard>;
  /** The peer told its position elsewhere (presence): raises what is remembered of the same store. */
  note(peerId: PeerId, position: Omit<Claim, 'term'>): void;
  peers(): readonly PeerId[];
  /** A disk of which this is known is established, and no learner. */
  saveSelf(term: number, floorMs: number): Promise<void>;
  /** As this process found the disk: it was contradicted, and has not caught up since, but in these slots. */
  readonly learner: boolean;
  readonly caught: readonly PlacedSlot[];
  /** It was contradicted. Under this term it is told from all that was there before; it has caught up in these slots alone. */
  saveLearner(term: number, caught: readonly PlacedSlot[]): Promise<void>;
  /** Of a learner: in these too. */
  saveCaught(slots: readonly PlacedSlot[]): Promise<void>;
  /** Hashes of the snapshots that listed this node again and of which conclusions were drawn. */
  readonly absences: ReadonlySet<string>;
  /** As this process found the disk. */
  readonly returning: readonly ReturningSlot[];
  /** The conclusion: where this node has to come back, from the earlier epoch on where it has to already. */
  saveAbsences(listedBy: Iterable<string>, slots: readonly ReturningSlot[]): Promise<void>;
  saveReturned(slots: readonly PlacedSlot[]): Promise<void>;
}

export async function openPeerMemory({
  store,
}: {
  readonly store: Pick<Store, 'migrate' | 'read' | 'write'>;
}): Promise<PeerMemory> {
  await store.migrate('records_repair', MIGRATIONS);
  const rows = await store.read<Row>(SELECT);
  const memory = new Map<PeerId, Claim>(
    rows.map((row) => [
      String(row['peer_id']),
      { storeId: String(row['store_id']), term: Number(row['term']), commits: Number(row['commits']) },
    ]),
  );
  const [own] = await store.read<Row>('SELECT term, floor_ms, established, learner FROM repair_self');
  let term = Number(own?.['term'] ?? 0);
  let floorMs = Number(own?.['floor_ms'] ?? 0);
  let established = own?.['established'] === 1;
  const caught = await store.read<Row>(SELECT_CAUGHT);
  const seen = await store.read<Row>('SELECT listed_by FROM repair_absences');
  let absences = new Set(seen.map((row) => String(row['listed_by'])));
  const returning = await store.read<Row>(SELECT_RETURNING);
  const caughtStatements = (slots: readonly PlacedSlot[]) =>
    slots.map(({ count, slot }) => ({ sql: SAVE_CAUGHT, params: [count, slot] }));

  /** What is on the disk, but for how far it has come since. */
  const kept = new Map(memory);
  const isSame = (one: Claim | undefined, { storeId, term }: Claim) =>
    one?.storeId === storeId && one.term === term;

  /** Which is being kept, or was, the last of each: beside that it may tell how far it has come. */
  const latest = new Map<PeerId, Claim>();

  /** In memory alone where the disk takes nothing, but only of a store that it knows. */
  async function keep(peerId: PeerId, claim: Claim): Promise<void> {
    const before = memory.get(peerId);
    memory.set(peerId, claim);
    latest.set(peerId, claim);
    try {
      await store.write([{ sql: KEEP, params: [peerId, claim.storeId, claim.term, claim.commits] }]);
      kept.set(peerId, claim);
    } catch (error) {
      const known = kept.get(peerId);
      if (isSame(known, claim)) return;
      if (latest.get(peerId) !== claim) throw error;
      if (!known) memory.delete(peerId);
      else memory.set(peerId, before && isSame(known, before) ? before : known);
      throw error;
    }
  }

  return {
    get term() {
      return term;
    },
    get floorMs() {
      return floorMs;
    },
    get established() {
      return established;
    },
    async hear(peerId, claim) {
      const remembered = memory.get(peerId);
      const verdict = judge(remembered, claim);
      const term = remembered?.term ?? 0;
      if (verdict === 'contradicted') return { verdict, term, ...(remembered && { remembered }) };
      await keep(peerId, claim);
      return { verdict, term };
    },
    note(peerId, { storeId, commits }) {
      const remembered = memory.get(peerId);
      if (remembered?.storeId === storeId && commits > remembered.commits)
        memory.set(peerId, { ...remembered, commits });
    },
    peers: () => [...memory.keys()],
    learner: own?.['learner'] === 1,
    caught: caught.map((row) => ({ count: Number(row['replicas']), slot: Number(row['slot']) })),
    async saveLearner(newTerm, slots) {
      await store.write([
        { sql: SAVE_LEARNER, params: [newTerm] },
        FORGET_CAUGHT,
        ...caughtStatements(slots),
      ]);
      term = newTerm;
    },
    get absences() {
      return absences;
    },
    returning: returning.map((row) => ({
      count: Number(row['replicas']),
      slot: Number(row['slot']),
      epoch: Number(row['epoch']),
    })),
    async saveAbsences(listedBy, slots) {
      const all = [...listedBy];
      await store.write([
        ...all.map((hash) => ({ sql: SAVE_ABSENCE, params: [hash] })),
        ...slots.map(({ count, slot, epoch }) => ({ sql: SAVE_RETURNING, params: [count, slot, epoch] })),
      ]);
      absences = new Set([...absences, ...all]);
    },
    async saveReturned(slots) {
      await store.write(slots.map(({ count, slot }) => ({ sql: FORGET_RETURNING, params: [count, slot] })));
    },
    async saveCaught(slots) {
      if (slots.length > 0) await store.write(caughtStatements(slots));
    },
    async saveSelf(newTerm, newFloorMs) {
      await store.write([{ sql: SAVE_SELF, params: [newTerm, newFloorMs] }, FORGET_CAUGHT]);
      term = newTerm;
      floorMs = newFloorMs;
      established = true;
    },
  };
}
