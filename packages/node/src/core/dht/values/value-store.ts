/** The values that this node keeps for others: in memory, within bounds for all, for each who brings them and each key. */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import { type Random, shuffle } from '../../random/index.ts';
import type { NetworkGroup } from '../routing/network-group.ts';
import type { NodeId } from '../routing/node-id.ts';
import { type CheckedValue, identityOf, type StoredValue } from './value.ts';

export interface ValueLimits {
  readonly maxValues: number;
  readonly maxBytes: number;
  /** Share of both that one peer may bring. */
  readonly peerShare: number;
  /** The same for one network. */
  readonly networkShare: number;
  /** Under one key. */
  readonly perKey: number;
  /** Under one key, of one author. */
  readonly perKeyOfAuthor: number;
  /** Under one key, brought from one network. */
  readonly perKeyOfNetwork: number;
}

export const DEFAULT_VALUE_LIMITS: ValueLimits = {
  maxValues: 16_384,
  maxBytes: 32 * 1_048_576,
  peerShare: 1 / 8,
  networkShare: 1 / 4,
  perKey: 1_024,
  perKeyOfAuthor: 64,
  perKeyOfNetwork: 256,
};

/** What an entry costs beside its bytes, for the account. */
const OVERHEAD_BYTES = 512;

/** Who handed a value over. */
export interface Bringer {
  readonly peerId: PeerId;
  readonly network: NetworkGroup | undefined;
}

interface Held {
  readonly value: CheckedValue;
  readonly from: Bringer;
  /** `Clock.monotonic` when it was last brought. */
  storedAt: number;
}

interface Use {
  values: number;
  bytes: number;
}

export interface ValueStore {
  /** @throws P2posError DHT_FULL; DHT_VALUE_REFUSED where a newer one is held */
  put(value: CheckedValue, from: Bringer): void;
  /** At most so many values and bytes; of more, a random choice. */
  get(key: NodeId, limits: { readonly count: number; readonly bytes: number }): StoredValue[];
  /** Drops what has ended. */
  sweep(): void;
  /** Those that nobody brought for so long, at most `limit`; they count as brought now. */
  takeDue(ageMs: number, limit: number): CheckedValue[];
  size(): Use;
}

export function createValueStore(
  { clock, random }: { readonly clock: Pick<Clock, 'now' | 'monotonic'>; readonly random: Random },
  limits: ValueLimits,
): ValueStore {
  const keys = new Map<string, Map<string, Held>>();
  const all: Use = { values: 0, bytes: 0 };
  const uses = new Map<string, Use>();

  const nameOf = (key: NodeId) => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
  const costOf = ({ bytes }: StoredValue) => bytes.length + OVERHEAD_BYTES;
  const accounts = ({ peerId, network }: Bringer) =>
    network === undefined ? [peerId] : [peerId, `net ${network}`];

  function book({ value, from }: Held, sign: 1 | -1): void {
    for (const use of [all, ...accounts(from).map(useOf)]) {
      use.values += sign;
      use.bytes += sign * costOf(value);
    }
    if (sign < 0) for (const name of accounts(from)) if (useOf(name).values === 0) uses.delete(name);
  }
  function useOf(name: string): Use {
    let use = uses.get(name);
    if (!use) {
      use = { values: 0, bytes: 0 };
      uses.set(name, use);
    }
    return use;
  }

  function drop(name: string, identity: string): void {
    const under = keys.get(name);
    const held = under?.get(identity);
    if (!under || !held) return;
    under.delete(identity);
    if (under.size === 0) keys.delete(name);
    book(held, -1);
  }

  function requireRoom(name: string, value: CheckedValue, { peerId, network }: Bringer): void {
    const full = (reason: string) => new P2posError('DHT_FULL', { reason });
    const exceeds = (use: Use | undefined, share: number) =>
      (use?.values ?? 0) + 1 > limits.maxValues * share ||
      (use?.bytes ?? 0) + costOf(value) > limits.maxBytes * share;
    if (exceeds(all, 1)) throw full('this node keeps as much as it may');
    if (exceeds(uses.get(peerId), limits.peerShare)) throw full('this node keeps enough of who brings it');
    if (network !== undefined && exceeds(uses.get(`net ${network}`), limits.networkShare))
      throw full('this node keeps enough of the network it comes from');
    const under = [...(keys.get(name)?.values() ?? [])];
    if (under.length >= limits.perKey) throw full('too many lie under its key');
    const { entry } = value;
    const ofAuthor = under.filter((held) => held.value.entry?.author === entry?.author).length;
    if (ofAuthor >= limits.perKeyOfAuthor) throw full('its author has enough under its key');
    if (network === undefined) return;
    const ofNetwork = under.filter(({ from }) => from.network === network).length;
    if (ofNetwork >= limits.perKeyOfNetwork) throw full('too many under its key come from its network');
  }

  return {
    put(value, from) {
      const name = nameOf(value.key);
      const identity = identityOf(value);
      const held = keys.get(name)?.get(identity);
      if (held) {
        const seq = held.value.entry?.seq ?? 0;
        const offered = value.entry?.seq ?? 0;
        if (offered < seq) throw new P2posError('DHT_VALUE_REFUSED', { reason: 'a newer one is held' });
        if (offered === seq && value.entry) {
          held.storedAt = clock.monotonic();
          return;
        }
        drop(name, identity);
      }
      try {
        requireRoom(name, value, from);
      } catch (error) {
        // What replaces a value fits where that lay, or that stays.
        if (held) restore(name, identity, held);
        throw error;
      }
      restore(name, identity, { value, from, storedAt: clock.monotonic() });
    },
    get(key, { count, bytes }) {
      const now = clock.now();
      const live = [...(keys.get(nameOf(key))?.values() ?? [])].filter(({ value }) => value.expiresAt > now);
      const chosen = live.length > count ? shuffle(random, live) : live;
      const result: StoredValue[] = [];
      let left = bytes;
      for (const { value } of chosen) {
        if (result.length === count || value.bytes.length > left) break;
        left -= value.bytes.length;
        result.push({ kind: value.kind, bytes: value.bytes });
      }
      return result;
    },
    sweep() {
      const now = clock.now();
      for (const [name, under] of keys)
        for (const [identity, { value }] of under) if (value.expiresAt <= now) drop(name, identity);
    },
    takeDue(ageMs, limit) {
      const now = clock.monotonic();
      const due: CheckedValue[] = [];
      for (const under of keys.values()) {
        for (const held of under.values()) {
          if (due.length === limit) return due;
          if (now - held.storedAt < ageMs) continue;
          held.storedAt = now;
          due.push(held.value);
        }
      }
      return due;
    },
    size: () => ({ ...all }),
  };

  function restore(name: string, identity: string, held: Held): void {
    const under = keys.get(name) ?? new Map<string, Held>();
    keys.set(name, under);
    under.set(identity, held);
    book(held, 1);
  }
}
