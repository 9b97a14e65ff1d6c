/** What this node answers others: bounded by who they are, and only with what it verified. */
import { MAX_DHT_VALUES, P2posError } from '@p2pos/protocol';
import type { PeerId } from '../net/index.ts';
import type { Reputation } from './guard/reputation.ts';
import type { RequestGate } from './guard/request-gate.ts';
import type { Contact, DhtTransport, KadCalls, KadHandler } from './port.ts';
import type { NodeIds } from './routing/node-id.ts';
import type { RoutingTable } from './routing/routing-table.ts';
import type { CheckedValue, StoredValue } from './values/value.ts';
import type { ValueStore } from './values/value-store.ts';

export interface ServingDeps {
  readonly transport: Pick<DhtTransport, 'networkOf'>;
  readonly table: RoutingTable;
  readonly store: ValueStore;
  readonly gate: RequestGate;
  readonly reputation: Reputation;
  readonly idOf: NodeIds;
  readonly accepts: (peerId: PeerId) => boolean;
  readonly check: (value: StoredValue) => Promise<CheckedValue>;
}

export interface Serving {
  readonly handle: KadHandler;
  readonly served: () => number;
  readonly refused: () => number;
}

/** Of what a request may cost its caller; see the gate. */
const COST = { ping: 1, findNode: 1, findValue: 2, store: 8 } as const;
const MAX_VALUES_BYTES = 40 * 1_024;
/** One who hands over what it did not verify itself is believed to be careless a few times. */
const FORGERY_POINTS = 20;
/** A value is kept by a node that knows fewer than this many times k that are closer: views differ at the edge. */
const CLOSE_ENOUGH = 2;

export function createServing(deps: ServingDeps, { k }: { readonly k: number }): Serving {
  const { transport, table, store, gate, reputation, idOf, accepts, check } = deps;
  let served = 0;
  let refused = 0;

  function remember(contact: Contact): void {
    // Without an address nobody could call it.
    if (contact.addresses.length > 0) table.seen(contact, idOf(contact.peerId));
  }
  const closer = (target: Uint8Array, from: PeerId) => table.closest(target, k, from);

  async function keep(value: StoredValue, from: PeerId): Promise<object> {
    let checked: CheckedValue;
    try {
      checked = await check(value);
    } catch (error) {
      reputation.blame(from, transport.networkOf(from), FORGERY_POINTS);
      throw error;
    }
    if (table.closerThanSelf(checked.key, CLOSE_ENOUGH * k) >= CLOSE_ENOUGH * k)
      throw new P2posError('DHT_NOT_CLOSE');
    store.put(checked, { peerId: from, network: transport.networkOf(from) });
    return {};
  }

  const handlers: {
    readonly [M in keyof KadCalls]: (
      input: KadCalls[M]['input'],
      from: PeerId,
    ) => KadCalls[M]['output'] | Promise<KadCalls[M]['output']>;
  } = {
    ping: () => ({}),
    findNode: ({ target }, from) => ({ closer: closer(target, from) }),
    findValue: ({ key }, from) => ({
      closer: closer(key, from),
      values: store.get(key, { count: MAX_DHT_VALUES, bytes: MAX_VALUES_BYTES }),
    }),
    store: ({ value }, from) => keep(value, from),
  };

  return {
    handle(method, input, from) {
      try {
        if (!accepts(from)) throw new P2posError('NOT_A_MEMBER', { peerId: from });
        gate.enter(from, transport.networkOf(from), COST[method]);
      } catch (error) {
        refused++;
        throw error;
      }
      served++;
      remember({ peerId: from, addresses: input.addresses });
      return handlers[method](input, from);
    },
    served: () => served,
    refused: () => refused,
  };
}
