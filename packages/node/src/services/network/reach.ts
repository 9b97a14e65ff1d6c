/** What an operator does about reaching others by hand: connect, disconnect, invite. */
import {
  type Connected,
  type Crypto,
  type Disconnected,
  formatInvitation,
  formatTimestamp,
  type InvitationText,
  isPeerId,
  MAX_INVITATION_ADDRESSES,
  P2posError,
} from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import { type Mesh, peerIdIn } from '../../core/mesh/index.ts';
import type { Address, Net, PeerId } from '../../core/net/index.ts';
import { type Random, shuffle } from '../../core/random/index.ts';

export interface ReachDeps {
  readonly net: Pick<Net, 'peerId' | 'addresses' | 'connections'>;
  readonly membership: Pick<Membership, 'systemId' | 'view' | 'isActive'>;
  readonly mesh: Pick<Mesh, 'book' | 'connect' | 'disconnect'>;
  readonly signer: Identity['signer'];
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
}

export interface Reach {
  connect(address: string, options: { readonly signal: AbortSignal }): Promise<Connected>;
  disconnect(peer: string, holdMs?: number): Promise<Disconnected>;
  /** @param addresses Each ends in a peer id. Default: this node's and those of members it is connected to. */
  invite(addresses?: readonly string[]): Promise<InvitationText>;
}

const DEFAULT_HOLD_MS = 60_000;
/** A joiner asks three members; a few more may be away. */
const INVITED_TO = 5;

export function createReach(deps: ReachDeps): Reach {
  const { net, membership, mesh, signer, crypto, clock, random } = deps;
  const self = net.peerId;

  function placesToMeet(): Address[] {
    const { members } = membership.view();
    const connected = new Set(net.connections().map(({ peerId }) => peerId));
    const others = shuffle(
      random,
      [...connected].filter((peerId) => members.has(peerId)),
    );
    const known = new Map(mesh.book().map(({ peerId, addresses }) => [peerId, addresses]));
    const all = [net.addresses(), ...others.map((peerId) => known.get(peerId) ?? [])];
    const best = all.map(([...addresses]) => addresses.sort((a, b) => rank(a) - rank(b))[0]);
    const places = best.filter((address) => address !== undefined);
    // Where some are reached from afar, those that are not help nobody.
    const far = places.filter((address) => !isLoopback(address));
    return (far.length > 0 ? far : places).slice(0, INVITED_TO);
  }

  return {
    async connect(address, { signal }) {
      const peerId = await mesh.connect(address, { signal });
      const connection = net.connections().find((one) => one.peerId === peerId);
      if (!connection)
        throw new P2posError('PEER_UNREACHABLE', { peerId, reason: 'it closed the connection at once' });
      const { remoteAddress, transport, encryption } = connection;
      const member = membership.view().members.has(peerId);
      return { peerId, member, address: remoteAddress, transport, encryption };
    },
    async disconnect(peer, holdMs = DEFAULT_HOLD_MS) {
      const peerId: PeerId = peerIdIn(peer) ?? peer;
      if (!isPeerId(peerId) || peerId === self) throw new P2posError('PEER_ID_INVALID', { peerId: peer });
      const closed = await mesh.disconnect(peerId, holdMs);
      return { peerId, closed, heldUntil: holdMs > 0 ? formatTimestamp(clock.now() + holdMs) : null };
    },
    async invite(addresses = placesToMeet()) {
      const { epoch, hash } = membership.view();
      if (!membership.isActive(self)) throw new P2posError('STATE_UNCONFIGURED', { peerId: self });
      for (const address of addresses)
        if (!isPeerId(peerIdIn(address)))
          throw new P2posError('ADDRESS_INVALID', { address, reason: 'it does not end in a peer id' });
      if (addresses.length === 0 || addresses.length > MAX_INVITATION_ADDRESSES)
        throw new P2posError('ADDRESS_INVALID', { address: 'none', reason: 'this node listens nowhere' });
      const { systemId } = membership;
      const text = await formatInvitation(
        { version: 1, systemId, epoch, snapshot: hash, issuerPeerId: self, addresses },
        signer,
        crypto,
      );
      return { text, systemId, epoch, addresses: [...addresses] };
    },
  };
}

/** What most machines can dial comes first. */
function rank(address: Address): number {
  const transport = address.includes('/quic-v1') ? 1 : address.includes('/ws') ? 2 : 0;
  return transport + (isLoopback(address) ? 10 : 0) + (address.includes('/p2p-circuit') ? 5 : 0);
}

function isLoopback(address: Address): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(address);
}
