/** Writing: the k nodes closest to the key are found first, then each is handed the value (T21). */
import { P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { Search } from '../lookup/search.ts';
import type { Stored } from '../port.ts';
import { compareDistance, type NodeId, type NodeIds } from '../routing/node-id.ts';
import type { CheckedValue, StoredValue } from './value.ts';
import type { ValueStore } from './value-store.ts';

export interface WriterDeps {
  readonly search: Search;
  readonly store: Pick<ValueStore, 'put'>;
  readonly check: (value: StoredValue) => Promise<CheckedValue>;
  readonly idOf: NodeIds;
}

export interface Writer {
  /** @throws P2posError DHT_NOT_STORED where less than half of those asked took it, DHT_VALUE_REFUSED, DHT_ALONE */
  store(key: NodeId, value: StoredValue, signal: AbortSignal): Promise<Stored>;
}

export function createWriter(
  { search, store, check, idOf }: WriterDeps,
  { self, k }: { readonly self: PeerId; readonly k: number },
): Writer {
  /** This node is one of the k as well, if it is that close. */
  function keepsItself(key: NodeId, closest: readonly { readonly peerId: PeerId }[]): boolean {
    const last = closest[k - 1];
    return !last || compareDistance(idOf(self), idOf(last.peerId), key) < 0;
  }

  return {
    async store(key, { kind, bytes }, signal) {
      const checked = await check({ kind, bytes });
      const { closest } = await search.holders(key, signal);
      signal.throwIfAborted();
      const own = keepsItself(key, closest);
      const others = own ? closest.slice(0, k - 1) : closest;
      const input = { addresses: search.addresses(), value: { kind, bytes } };
      const outcomes = await Promise.allSettled(others.map((contact) => search.ask(contact, 'store', input)));
      let stored = outcomes.filter(({ status }) => status === 'fulfilled').length;
      if (own) {
        try {
          store.put(checked, { peerId: self, network: undefined });
          stored++;
        } catch {
          // No room here, or a newer one: counted as not taken.
        }
      }
      const asked = others.length + (own ? 1 : 0);
      if (stored * 2 < asked) throw new P2posError('DHT_NOT_STORED', { stored, asked });
      return { key, stored, asked };
    },
  };
}
