/** What replicas that count say of what this node holds in slots in which it does not. */
import { parseVersion } from '@p2pos/protocol';
import type { Logger } from '../../../log/index.ts';
import type { PeerId } from '../../../net/index.ts';
import type { Ages } from '../../clock/ages.ts';
import { textOf } from '../../format/names.ts';
import type { Topology } from '../../placement/topology.ts';
import type { RecordTable } from '../../replica/store.ts';
import type { Aside } from '../reconciliation/aside.ts';
import type { Ask, Syncing } from '../reconciliation/syncing.ts';

export interface WitnessesDeps {
  readonly topology: Topology;
  readonly syncing: Syncing;
  readonly table: Pick<RecordTable, 'findLeaf'>;
  readonly aside: Aside;
  readonly log: Logger;
}

/** Of one slot. */
export interface Testimony {
  /** Counted there, and all that they held is held here now, or something newer. */
  readonly witnesses: Set<PeerId>;
  /** Have lost what they held there. */
  readonly lost: Set<PeerId>;
  /** Held here, and by how many of the witnesses not. */
  readonly orphans: Map<string, { readonly leaf: Uint8Array; readonly by: number }>;
}

/** Slots at once. */
const WIDTH = 8;

/** Takes what they hold, and gives them what is young. Undefined: the membership changed meanwhile. */
export async function hearWitnesses(
  { topology, syncing, log }: WitnessesDeps,
  ask: Ask,
  /** By slot whom to ask. */
  peersOf: ReadonlyMap<number, readonly PeerId[]>,
  { isYoung }: Ages,
): Promise<ReadonlyMap<number, Testimony> | undefined> {
  const generation = topology.generation();
  const heard = new Map<number, Testimony>();
  for (const slot of peersOf.keys())
    heard.set(slot, { witnesses: new Set(), lost: new Set(), orphans: new Map() });

  async function reconcile(
    peerId: PeerId,
    slot: number,
    { witnesses, lost, orphans }: Testimony,
  ): Promise<void> {
    const outcome = await syncing.slot(peerId, ask, slot, {
      gives: isYoung,
      takes: (learning) => !learning,
      exact: true,
    });
    if (outcome.lost) lost.add(peerId);
    if (outcome.learning || !outcome.complete) return;
    witnesses.add(peerId);
    for (const leaf of outcome.kept)
      orphans.set(textOf(leaf), { leaf, by: (orphans.get(textOf(leaf))?.by ?? 0) + 1 });
  }

  async function hear(peerId: PeerId): Promise<void> {
    const difference = await syncing.difference(peerId, ask);
    const differ = new Set(difference.slots);
    const queue: [number, Testimony][] = [];
    for (const [slot, testimony] of heard) {
      // Where its set was closed meanwhile nothing was compared.
      if (!peersOf.get(slot)?.includes(peerId) || !topology.moves.isHolder(slot, ask.count, peerId)) continue;
      if (difference.lost.has(slot)) testimony.lost.add(peerId);
      if (difference.learning.has(slot)) continue;
      if (differ.has(slot)) queue.push([slot, testimony]);
      else if (!difference.lost.has(slot)) testimony.witnesses.add(peerId);
    }
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        for (let next = queue.shift(); next; next = queue.shift()) await reconcile(peerId, ...next);
      }),
    );
  }

  // One after another: what one gave need not be asked of the next.
  for (const peerId of new Set([...peersOf.values()].flat())) {
    await hear(peerId).catch((error) =>
      log.debug({ action: 'hear_witness', peerId, error }, 'reconciling with a replica failed'),
    );
    if (generation !== topology.generation()) return undefined;
  }
  return heard;
}

/** What is old and none of the witnesses holds is long deleted. Answers how many were set aside, and how many may have to be. */
export async function setOrphansAside(
  { table, aside }: WitnessesDeps,
  { count }: Ask,
  slot: number,
  { witnesses, orphans }: Testimony,
  { isOld, isYoung }: Ages,
): Promise<{ readonly aside: number; readonly doubtful: number }> {
  const unknown: Uint8Array[] = [];
  let doubtful = 0;
  for (const { leaf, by } of orphans.values()) {
    const stored = by >= witnesses.size ? await table.findLeaf(count, slot, leaf) : undefined;
    // A damaged one may be known under its true name: it is mended where it lies.
    if (!stored || stored.damaged) continue;
    const { ms } = parseVersion(stored.version);
    if (isOld(ms)) unknown.push(leaf);
    else if (!isYoung(ms)) doubtful++;
  }
  await aside.set(count, slot, unknown);
  return { aside: unknown.length, doubtful };
}
