/** Digests of what lies in each slot, worked out again only where something changed, and combined over ranges of slots. */
import { type Crypto, concatBytes } from '@p2pos/protocol';
import { type Clock, createBreath } from '../../../clock/index.ts';
import type { Store } from '../../../store/index.ts';
import { textOf, textOfSlot } from '../../format/names.ts';
import type { RecordTable } from '../../replica/store.ts';
import { createItems, type Items } from './negentropy/index.ts';
import type { Item } from './negentropy/items.ts';

export interface SlotContents {
  /** SHA-256 over the digests of those of the slots in which something lies. */
  combined(count: number, slots: readonly number[]): Promise<Uint8Array>;
  /** Version time and leaf hash of each record of the slot, for set reconciliation. */
  items(count: number, slot: number): Promise<Items>;
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
/** Read at once: a few milliseconds. */
const PAGE = 1_024;
/** Of slots that are being reconciled, kept from one message to the next; about 40 bytes each. */
const MAX_KEPT_ITEMS = 262_144;
const SELECT_ITEMS =
  'SELECT version, leaf FROM records WHERE replicas = ? AND slot = ? AND leaf > ? ORDER BY leaf LIMIT ?';

interface Known {
  readonly at: number;
  readonly digest: Uint8Array | undefined;
}

interface Kept {
  readonly at: number;
  readonly items: Items;
}

export interface SlotContentsDeps {
  readonly store: Pick<Store, 'read'>;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
}

export function createSlotContents({ store, crypto, clock }: SlotContentsDeps): SlotContents {
  /** By count and slot. */
  const known = new Map<string, Known>();
  /** Those that were used last come last. */
  const kept = new Map<string, Kept>();
  const changes = new Map<string, number>();
  const forgotten = new Set<string>();

  /** One for all: many small slots after each other take as long as a large one. */
  const breathe = createBreath(clock);

  const changesOf = (name: string) => changes.get(name) ?? 0;

  /** In the order of the leaves. */
  async function list(count: number, slot: number): Promise<Item[]> {
    const found: Item[] = [];
    for (let after = new Uint8Array(0); ; ) {
      const rows = await store.read<{ version: string; leaf: Uint8Array }>(SELECT_ITEMS, [
        count,
        slot,
        after,
        PAGE,
      ]);
      for (const { version, leaf } of rows) found.push({ time: timeOf(version), id: leaf });
      await breathe();
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return found;
      after = new Uint8Array(last.leaf);
    }
  }

  async function workOut(name: string, count: number, slot: number): Promise<Known> {
    const last = known.get(name);
    const at = changesOf(name);
    if (last?.at === at) return last;
    const items = await list(count, slot);
    const fresh = { at, digest: items.length === 0 ? undefined : crypto.sha256(joined(items)) };
    known.set(name, fresh);
    return fresh;
  }

  function keep(name: string, fresh: Kept): void {
    kept.delete(name);
    kept.set(name, fresh);
    let size = 0;
    for (const { items } of kept.values()) size += items.size;
    for (const [oldest, { items }] of kept) {
      // The newest stays however large it is: the next message would only have it made again.
      if (size <= MAX_KEPT_ITEMS || oldest === name) return;
      kept.delete(oldest);
      size -= items.size;
    }
  }

  return {
    async items(count, slot) {
      const name = textOfSlot({ slot, count });
      const at = changesOf(name);
      const last = kept.get(name);
      const items = last?.at === at ? last.items : createItems(crypto, await list(count, slot));
      keep(name, { at, items });
      return items;
    },
    async combined(count, slots) {
      const parts: Uint8Array[] = [];
      for (const slot of slots) {
        const { digest } = await workOut(textOfSlot({ slot, count }), count, slot);
        if (digest) parts.push(concatBytes(Uint8Array.of(slot >>> 8, slot & 0xff), digest));
      }
      return crypto.sha256(concatBytes(...parts));
    },
    forget(leaf) {
      forgotten.add(textOf(leaf));
      if (forgotten.size > MAX_FORGOTTEN) forgotten.delete(forgotten.values().next().value as string);
    },
    isForgotten: (leaf) => forgotten.size > 0 && forgotten.has(textOf(leaf)),
    changed(count, slot) {
      const name = textOfSlot({ slot, count });
      changes.set(name, changesOf(name) + 1);
    },
  };
}

/** Of one that is damaged any will do, as long as it is a number: one that is none would leave the whole slot without an order. */
function timeOf(version: string): number {
  return Math.max(0, Number.parseInt(version.slice(0, 12), 16) || 0);
}

/** Too many to be arguments of one call. */
function joined(items: readonly Item[]): Uint8Array {
  const whole = new Uint8Array(items.reduce((sum, { id }) => sum + id.length, 0));
  let at = 0;
  for (const { id } of items) {
    whole.set(id, at);
    at += id.length;
  }
  return whole;
}
