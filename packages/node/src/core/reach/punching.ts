/**
 * Turns a relayed connection into a direct one: by dialling the peer's own addresses (neighbours behind one router), then by
 * both ends dialling each other at once (libp2p specs, relay/DCUtR, over rpc). Where a router gives each connection
 * another port the second cannot work, and is not tried.
 */
import { P2posError } from '@p2pos/protocol';
import { type Clock, deadline, sleep } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Mesh } from '../mesh/index.ts';
import type { Address, Nat, Net, PeerId } from '../net/index.ts';
import type { Rpc } from '../rpc/index.ts';
import { hostOf, isRelayed, withoutPeer } from './address.ts';
import { REACH } from './wire.ts';

export interface PunchingDeps {
  readonly nat: Nat;
  readonly net: Pick<Net, 'peerId' | 'connections' | 'dial'>;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly mesh: Pick<Mesh, 'book'>;
  /** Members with a direct connection. */
  readonly witnesses: () => readonly PeerId[];
  readonly clock: Clock;
  readonly log: Logger;
}

const ATTEMPTS = 3;
const TIMEOUT_MS = 6_000;
/** A neighbour answers at once. */
const NEIGHBOUR_TIMEOUT_MS = 1_000;
/** A promise to dial is kept for so long. */
const AGREEMENT_MS = 10_000;
const MAX_AGREEMENTS = 64;

export function createPunching({ nat, net, rpc, mesh, witnesses, clock, log }: PunchingDeps) {
  /** Where to dial when `go` comes. */
  const agreed = new Map<PeerId, { readonly address: Address; readonly until: number }>();

  const isDirect = (peerId: PeerId) =>
    net.connections().some((one) => one.peerId === peerId && one.relayed !== true);

  /** Where two others see this node come from, when it is the same place. @throws P2posError PEER_UNREACHABLE */
  async function ownPlace(signal: AbortSignal): Promise<Address> {
    const seen: Address[] = [];
    for (const peerId of witnesses()) {
      if (seen.length === 2) break;
      const place = await nat.observed(peerId, { signal }).catch(() => undefined);
      if (place !== undefined) seen.push(withoutPeer(place));
    }
    const [first, second] = seen;
    if (first !== undefined && (second === undefined || first === second)) return first;
    const reason =
      first === undefined ? 'nobody sees it directly' : 'its router gives each connection another port';
    throw new P2posError('PEER_UNREACHABLE', { peerId: net.peerId, reason });
  }

  async function dialPlainly(peerId: PeerId, signal: AbortSignal): Promise<void> {
    const known = mesh.book().find((peer) => peer.peerId === peerId)?.addresses ?? [];
    const direct = known.filter((address) => !isRelayed(address));
    using limit = deadline(clock, NEIGHBOUR_TIMEOUT_MS, { what: `Node ${peerId}`, signal });
    if (direct.length > 0) await net.dial(direct, { signal: limit.signal });
  }

  async function attempt(peerId: PeerId, parent: AbortSignal): Promise<void> {
    using limit = deadline(clock, TIMEOUT_MS, { what: `Node ${peerId}`, signal: parent });
    const { signal } = limit;
    const mine = await ownPlace(signal);
    log.debug({ action: 'punch', peer: peerId, result: 'asking' }, 'asks the peer to dial at once');
    const askedAt = clock.monotonic();
    const { address } = await rpc.call(
      peerId,
      REACH,
      'punch',
      { address: mine },
      { timeoutMs: TIMEOUT_MS, signal },
    );
    const roundTripMs = clock.monotonic() - askedAt;
    const going = rpc.call(peerId, REACH, 'go', {}, { timeoutMs: TIMEOUT_MS, signal });
    going.catch(() => {});
    await sleep(clock, roundTripMs / 2, { signal });
    await nat.punch(target(address, peerId), { asServer: true, signal });
    log.debug(
      { action: 'punch', peer: peerId, result: 'through', as: 'server' },
      'a way through both routers',
    );
  }

  return {
    /** True: there is a direct connection now. */
    async upgrade(peerId: PeerId, signal: AbortSignal): Promise<boolean> {
      try {
        await dialPlainly(peerId, signal);
      } catch (error) {
        signal.throwIfAborted();
        log.debug({ action: 'upgrade_dial', peer: peerId, error }, 'a relayed peer is not reached directly');
      }
      for (let i = 0; i < ATTEMPTS && !isDirect(peerId); i++) {
        try {
          await attempt(peerId, signal);
        } catch (error) {
          signal.throwIfAborted();
          log.debug(
            { action: 'punch', peer: peerId, attempt: i + 1, error },
            'no way through both routers yet',
          );
          if (error instanceof P2posError && error.details['peerId'] === net.peerId) break;
        }
      }
      return isDirect(peerId);
    },
    /** The peer says where it is, and asks where this node is. */
    async agree(address: Address, peerId: PeerId, signal: AbortSignal): Promise<Address> {
      const relayed = net.connections().some((one) => one.peerId === peerId && one.relayed === true);
      // Only who is here by a relay has a reason; else this node could be made to knock at doors for others.
      if (!relayed || hostOf(address) === undefined || !address.includes('/tcp/'))
        throw new P2posError('BAD_REQUEST', { reason: 'A punch is for relayed peers, with a tcp address.' });
      const place = await ownPlace(signal);
      const now = clock.monotonic();
      for (const [other, { until }] of agreed) if (until < now) agreed.delete(other);
      if (agreed.size >= MAX_AGREEMENTS)
        throw new P2posError('OVERLOADED', { what: 'Punching by this node' });
      agreed.set(peerId, { address, until: now + AGREEMENT_MS });
      return place;
    },
    /** Keeps the promise. Not for as long as the call lasts: a socket ends with the signal that it was made with. */
    async go(peerId: PeerId, parent: AbortSignal): Promise<void> {
      const agreement = agreed.get(peerId);
      agreed.delete(peerId);
      if (!agreement || agreement.until < clock.monotonic())
        throw new P2posError('BAD_REQUEST', { reason: 'A punch comes before go.' });
      using limit = deadline(clock, TIMEOUT_MS, { what: `Node ${peerId}`, signal: parent });
      await nat.punch(target(agreement.address, peerId), { asServer: false, signal: limit.signal });
      log.debug(
        { action: 'punch', peer: peerId, result: 'through', as: 'client' },
        'a way through both routers',
      );
    },
  };
}

function target(address: Address, peerId: PeerId): Address {
  return `${withoutPeer(address)}/p2p/${peerId}`;
}
