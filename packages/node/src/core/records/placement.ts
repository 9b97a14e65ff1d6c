/**
 * Who holds a slot: the storage-capable members closest to it by rendezvous hash (Thaler and Ravishankar 1998), over
 * distinct zones where there are. A pure function of the signed snapshot, so every node computes the same answer.
 */
import type { Crypto, Member } from '@p2pos/protocol';
import type { PeerId } from '../net/index.ts';

type Candidate = Pick<Member, 'peerId' | 'tier' | 'capabilities' | 'zone' | 'draining'>;

export interface Placement {
  /** At most `count`, best first; fewer when there are not so many candidates. */
  replicas(slot: number, count: number): readonly PeerId[];
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

  function scoreOf(peerId: PeerId, slot: number): number {
    const slots = slotCount();
    let table = tables.get(peerId);
    if (!table) {
      table = new Float64Array(slots).fill(-1);
      tables.set(peerId, table);
      if (tables.size > MAX_TABLES) tables.delete(tables.keys().next().value as PeerId);
    }
    if ((table[slot] as number) < 0) {
      const group = Math.floor(slot / SLOTS_PER_HASH);
      const hash = crypto.sha256(utf8.encode(`${DOMAIN}${peerId}\0${group}`));
      const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
      for (let i = 0; i < SLOTS_PER_HASH && group * SLOTS_PER_HASH + i < slots; i++) {
        table[group * SLOTS_PER_HASH + i] = view.getUint32(i * 8) * 0x1_0000 + view.getUint16(i * 8 + 4);
      }
    }
    return table[slot] as number;
  }

  /** Highest score first, the peer id breaks ties; the best of each zone before the second of any. */
  function rank(candidates: readonly Candidate[], slot: number): PeerId[] {
    const scored = candidates.map(({ peerId, zone }) => ({ peerId, zone, score: scoreOf(peerId, slot) }));
    scored.sort((a, b) => b.score - a.score || (a.peerId < b.peerId ? -1 : 1));
    const zones = new Set<string>();
    const first: PeerId[] = [];
    const rest: PeerId[] = [];
    for (const { peerId, zone } of scored) {
      (zones.has(zone) ? rest : first).push(peerId);
      zones.add(zone);
    }
    return [...first, ...rest];
  }

  return {
    place(members) {
      const able = members.filter(({ tier, capabilities }) => tier < 3 && capabilities.includes('storage'));
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
          const chosen = rank(staying, slot).slice(0, count);
          // Those that leave are given something only when there is nobody else.
          if (chosen.length < count) chosen.push(...rank(leaving, slot).slice(0, count - chosen.length));
          table[slot] = chosen;
          return chosen;
        },
      };
    },
  };
}
