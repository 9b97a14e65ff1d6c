/** Digests of what lies in each slot, worked out again only where something changed, and combined over ranges of slots. */
import { type Crypto, concatBytes } from '@p2pos/protocol';
import type { Store } from '../../store/index.ts';
import { nameOf } from '../handover/pulling.ts';
import type { RecordTable } from '../replica/store.ts';
import type { Item } from './negentropy/items.ts';

export interface SlotContents {
  /** Undefined: nothing lies there. */
  digest(count: number, slot: number): Promise<Uint8Array | undefined>;
  /** SHA-256 over the digests of those of the slots in which something lies. */
  combined(count: number, slots: readonly number[]): Promise<Uint8Array>;
  /** Version time and leaf hash of each record of the slot. */
  items(count: number, slot: number): Promise<Item[]>;
  changed(count: number, slot: number): void;
  /** A deletion that everybody knew was let go here; others may show it for a while, and it is not taken again. */
  forget(leaf: Uint8Array): void;
  isForgotten(leaf: Uint8Array): boolean;
}

/** Tells of each slot whose records change; an error may have left them either way. */
export function tellChanges(table: RecordTable, changed: (count: number, slot: number) => void): RecordTable {
  return {
    ...table,
    async accept(records, now) {
      try {
        return await table.accept(records, now);
      } finally {
        for (const { count, slot } of records) changed(count, slot);
      }
    },
    async drop(count, slot, leaves, ring) {
      try {
        await table.drop(count, slot, leaves, ring);
      } finally {
        changed(count, slot);
      }
    },
  };
}

/** Deletions let go lately that are remembered; more than that may come back once and go again. */
const MAX_FORGOTTEN = 50_000;
const PAGE = 8_192;
const SELECT_ITEMS =
  'SELECT version, leaf FROM records WHERE replicas = ? AND slot = ? AND leaf > ? ORDER BY leaf LIMIT ?';

interface Known {
  readonly at: number;
  readonly digest: Uint8Array | undefined;
}

export function createSlotContents({
  store,
  crypto,
}: {
  readonly store: Pick<Store, 'read'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
}): SlotContents {
  /** By count and slot. */
  const known = new Map<string, Known>();
  const changes = new Map<string, number>();
  const forgotten = new Set<string>();

  async function items(count: number, slot: number): Promise<Item[]> {
    const found: Item[] = [];
    for (let after = new Uint8Array(0); ; ) {
      const rows = await store.read<{ version: string; leaf: Uint8Array }>(SELECT_ITEMS, [
        count,
        slot,
        after,
        PAGE,
      ]);
      for (const { version, leaf } of rows)
        found.push({ time: Number.parseInt(version.slice(0, 12), 16), id: leaf });
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return found;
      after = new Uint8Array(last.leaf);
    }
  }

  /** Undefined: it has changed since it was worked out. */
  function knownOf(name: string): Known | undefined {
    const last = known.get(name);
    return last?.at === (changes.get(name) ?? 0) ? last : undefined;
  }

  async function workOut(name: string, count: number, slot: number): Promise<Known> {
    const at = changes.get(name) ?? 0;
    const leaves = (await items(count, slot)).map(({ id }) => id);
    const fresh = { at, digest: leaves.length === 0 ? undefined : crypto.sha256(concatBytes(...leaves)) };
    known.set(name, fresh);
    return fresh;
  }

  return {
    async digest(count, slot) {
      const name = `${count}.${slot}`;
      return (knownOf(name) ?? (await workOut(name, count, slot))).digest;
    },
    items,
    async combined(count, slots) {
      const parts: Uint8Array[] = [];
      for (const slot of slots) {
        const name = `${count}.${slot}`;
        const { digest } = knownOf(name) ?? (await workOut(name, count, slot));
        if (digest) parts.push(Uint8Array.of(slot >>> 8, slot & 0xff), digest);
      }
      return crypto.sha256(concatBytes(...parts));
    },
    forget(leaf) {
      forgotten.add(nameOf(leaf));
      if (forgotten.size > MAX_FORGOTTEN) forgotten.delete(forgotten.values().next().value as string);
    },
    isForgotten: (leaf) => forgotten.size > 0 && forgotten.has(nameOf(leaf)),
    changed(count, slot) {
      const name = `${count}.${slot}`;
      changes.set(name, (changes.get(name) ?? 0) + 1);
    },
  };
}
