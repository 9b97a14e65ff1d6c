/** The table of a closed system: over rpc, of its members alone, which it learns of from their heartbeats. */
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Presence } from '../presence/index.ts';
import { createDht, type DhtConfig, type DhtDeps } from './dht.ts';
import type { Dht } from './port.ts';
import { createRpcTransport, type RpcTransportDeps } from './wire/rpc-transport.ts';

export interface MemberDhtDeps extends RpcTransportDeps, Pick<DhtDeps, 'crypto' | 'signer' | 'random'> {
  readonly log: Logger;
  readonly membership: Pick<Membership, 'systemId' | 'isActive' | 'events'>;
  readonly presence: Pick<Presence, 'events' | 'known' | 'sighting'>;
}

export function createMemberDht(deps: MemberDhtDeps, config: Partial<DhtConfig> = {}): Dht {
  const { rpc, net, clock, log, crypto, signer, random, membership, presence } = deps;
  const self = net.peerId;
  const transport = createRpcTransport({ rpc, net, clock, log });
  const accepts = (peerId: string) => membership.isActive(self) && membership.isActive(peerId);
  const dht = createDht(
    { transport, crypto, signer, clock, random, log, accepts },
    { systemId: membership.systemId, peerId: self, ...config },
  );
  for (const { peerId } of presence.known())
    dht.learn({ peerId, addresses: presence.sighting(peerId)?.heartbeat.addresses ?? [] });
  const subscriptions = [
    presence.events.on('heartbeat:accepted', ({ heartbeat }) => dht.learn(heartbeat)),
    membership.events.on('membership:changed', ({ removed }) => {
      for (const peerId of removed) dht.forget(peerId);
    }),
  ];
  return {
    ...dht,
    async [Symbol.asyncDispose]() {
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      await dht[Symbol.asyncDispose]();
      transport[Symbol.dispose]();
    },
  };
}
