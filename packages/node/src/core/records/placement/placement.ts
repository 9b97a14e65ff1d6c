/**
 * Who holds a slot: the storage-capable members closest to it by rendezvous hash (Thaler and Ravishankar 1998), over
 * distinct zones where there are. A pure function of the signed snapshot, so every node computes the same answer.
 */
import type { Crypto, Member } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';

type Candidate = Pick<Member, 'peerId' | 'tier' | 'capabilities' | 'zone' | 'draining'>;

/** Whether slots are placed on such a member. */
export function canStore({ tier, capabilities }: Pick<Candidate, 'tier' | 'capabilities'>): boolean {
  return tier < 3 && capabilities.includes('storage');
}

export interface Placement {
  /** At most `count`, best first; fewer when there are not so many candidates. */
  replicas(slot: number, count: number): readonly PeerId[];
}

interface Scored {
  readonly peerId: PeerId;
  readonly zone: string;
  /** By slot; negative: not worked out yet. */
  readonly table: Float64Array;
}

export interface Placer {
  place(members: readonly Candidate[]): Placement;
}

const DOMAIN = 'p2pos/placement/1\0';
/** A SHA-256 gives the scores of four neighbouring slots, 48 bits each. */
const SLOTS_PER_HASH = 4;
/** Tables of scores kept for members seen lately; 32 KiB each at 4 096 slots. */
const MAX_TABLES = 512;
const utf8 = new TextEncoder();

export function createPlacer(
  { crypto }: { readonly crypto: Pick<Crypto, 'sha256'> },
  { slots: slotCount }: { readonly slots: () => number },
): Placer {
  /** A member's scores never change, so they outlive the snapshots. */
  const tables = new Map<PeerId, Float64Array>();

  function tableOf(peerId: PeerId): Float64Array {
    let table = tables.get(peerId);
    if (!table) {
      table = new Float64Array(slotCount()).fill(-1);
      tables.set(peerId, table);
      if (tables.size > MAX_TABLES) tables.delete(tables.keys().next().value as PeerId);
    }
    return table;
  }

  function scoreOf({ peerId, table }: Scored, slot: number): number {
    const known = table[slot] as number;
    if (known >= 0) return known;
    const group = Math.floor(slot / SLOTS_PER_HASH);
    const hash = crypto.sha256(utf8.encode(`${DOMAIN}${peerId}\0${group}`));
    const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
    for (let i = 0; i < SLOTS_PER_HASH && group * SLOTS_PER_HASH + i < table.length; i++) {
      table[group * SLOTS_PER_HASH + i] = view.getUint32(i * 8) * 0x1_0000 + view.getUint16(i * 8 + 4);
    }
    return table[slot] as number;
  }

  /** The best of each zone, greatest score first, then the others likewise; the peer id breaks ties. */
  function choose(candidates: readonly Scored[], slot: number, count: number): PeerId[] {
    const scores = candidates.map((candidate) => scoreOf(candidate, slot));
    const best = new Map<string, number>();
    for (const [i, { zone }] of candidates.entries()) {
      const known = best.get(zone);
      if (known === undefined || (scores[i] as number) > (scores[known] as number)) best.set(zone, i);
    }
    const first = takeGreatest([...best.values()].sort(ascending), scores, count);
    const rest = [...candidates.keys()].filter((i) => best.get((candidates[i] as Scored).zone) !== i);
    const chosen = [...first, ...takeGreatest(rest, scores, count - first.length)];
    return chosen.map((i) => (candidates[i] as Scored).peerId);
  }

  return {
    place(members) {
      const able = members
        .filter(canStore)
        .toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1))
        .map(({ peerId, zone, draining }) => ({ peerId, zone, draining, table: tableOf(peerId) }));
      const staying = able.filter(({ draining }) => !draining);
      const leaving = able.filter(({ draining }) => draining);
      const tablesByCount = new Map<number, (readonly PeerId[] | undefined)[]>();
      return {
        replicas(slot, count) {
          let table = tablesByCount.get(count);
          if (!table) {
            table = new Array(slotCount());
            tablesByCount.set(count, table);
          }
          const known = table[slot];
          if (known) return known;
          const chosen = choose(staying, slot, count);
          // Those that leave are given something only when there is nobody else.
          if (chosen.length < count) chosen.push(...choose(leaving, slot, count - chosen.length));
          table[slot] = chosen;
          return chosen;
        },
      };
    },
  };
}

/** Few are taken of many, so this is quicker than sorting. Of equal scores the first is taken. */
function takeGreatest(indexes: readonly number[], scores: readonly number[], count: number): number[] {
  const left = [...indexes];
  const taken: number[] = [];
  while (taken.length < count && left.length > 0) {
    let at = 0;
    for (let i = 1; i < left.length; i++) {
      if ((scores[left[i] as number] as number) > (scores[left[at] as number] as number)) at = i;
    }
    taken.push(...left.splice(at, 1));
  }
  return taken;
}

function ascending(a: number, b: number): number {
  return a - b;
}
