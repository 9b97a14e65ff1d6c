/**
 * What one member asks another upon connect (T20): the signed heartbeats that it lacks, and for members that it cannot
 * reach the addresses that the other knows. Who is asked answers members only.
 */
import { P2posError } from '@p2pos/protocol';
import { PEERS, PEERS_LIMITS } from '@p2pos/protocol/rpc';
import { createAllowance } from '../allowance/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Membership } from '../membership/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Presence } from '../presence/index.ts';
import type { Rpc } from '../rpc/index.ts';
import type { AddressBook } from './address-book.ts';

const { known: MAX_KNOWN, lacking: MAX_LACKING, heartbeats: MAX_HEARTBEATS } = PEERS_LIMITS;
/** Rounds of one exchange: 64 heartbeats each. */
const MAX_ROUNDS = 160;
const MAX_ANSWER_BYTES = 512 * 1_024;
const TIMEOUT_MS = 5_000;

export interface PeerExchangeDeps {
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly membership: Pick<Membership, 'view'>;
  readonly presence: Pick<Presence, 'known' | 'newerThan' | 'accept'>;
  /** Members that this node would connect to. */
  readonly lacking: () => PeerId[];
  readonly book: Pick<AddressBook, 'addresses'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Addresses that `from` named for a member. */
  readonly told: (peerId: PeerId, addresses: readonly string[]) => void;
}

export interface PeerExchange extends Disposable {
  /** @throws P2posError as `Rpc.call` */
  with(peerId: PeerId, signal: AbortSignal): Promise<void>;
  retain(keep: (peerId: PeerId) => boolean): void;
}

export function createPeerExchange(deps: PeerExchangeDeps): PeerExchange {
  const { rpc, membership, presence, book, clock } = deps;
  const askers = createAllowance(clock, { burst: () => 2 * MAX_ROUNDS, perSecond: () => 2 });
  const isListed = (peerId: PeerId) => membership.view().members.has(peerId);

  const served = rpc.serve(PEERS, {
    exchange: async ({ known, lacking }, { peerId }) => {
      if (!isListed(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
      if (!askers.take(peerId, 1)) throw new P2posError('OVERLOADED', { what: 'Peer exchange of this node' });
      const { documents, more } = presence.newerThan(known, MAX_ANSWER_BYTES);
      const addresses = lacking
        .filter((lacked) => lacked !== peerId && isListed(lacked))
        .map((lacked) => ({ peerId: lacked, addresses: book.addresses(lacked) }))
        .filter((entry) => entry.addresses.length > 0);
      return { heartbeats: documents.slice(0, MAX_HEARTBEATS), addresses, more };
    },
  });

  return {
    async with(peerId, signal) {
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const lacking = new Set(round === 0 ? deps.lacking().slice(0, MAX_LACKING) : []);
        const input = { known: presence.known().slice(0, MAX_KNOWN), lacking: [...lacking] };
        const answer = await rpc.call(peerId, PEERS, 'exchange', input, { timeoutMs: TIMEOUT_MS, signal });
        for (const entry of answer.addresses) {
          if (lacking.has(entry.peerId)) deps.told(entry.peerId, entry.addresses);
        }
        const news = await presence.accept(answer.heartbeats, peerId);
        if (!answer.more || news === 0) return;
      }
    },
    retain: (keep) => askers.retain(keep),
    [Symbol.dispose]: () => served[Symbol.dispose](),
  };
}
