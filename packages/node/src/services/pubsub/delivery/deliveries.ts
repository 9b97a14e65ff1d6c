/** What goes from this node to each member: the numbers that it has there, and an outbox. */
import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { Net, PeerId } from '../../../core/net/index.ts';
import type { Rpc } from '../../../core/rpc/index.ts';
import { type MessageBody, PUBSUB } from '../wire.ts';
import { createNumbers } from './numbers.ts';
import { createOutbox, type OnTold, type Outbox, type OutboxConfig } from './outbox.ts';

export interface DeliveriesDeps {
  readonly rpc: Pick<Rpc, 'call'>;
  readonly net: Pick<Net, 'isConnected'>;
  readonly clock: Clock;
  readonly incarnation: () => number;
  /** The incarnation under which the member told its interest. */
  readonly receiverOf: (peerId: PeerId) => number | undefined;
}

export interface DeliveriesConfig extends Omit<OutboxConfig, 'maxUnderWay'> {
  /** For a member to answer. */
  readonly timeoutMs: number;
  /** Topics whose numbers are remembered; the longest silent go first. */
  readonly maxTopics: number;
}

export interface Outgoing {
  readonly name: string;
  readonly incarnation: number;
  readonly seq: number;
  readonly at: number;
  readonly data: Uint8Array;
}

export interface Deliveries extends Disposable {
  /** The next of the topic, and of which incarnation it is. */
  next(name: string): { readonly incarnation: number; readonly seq: number };
  /** Of each topic in the order of `next`. */
  send(peerId: PeerId, message: Outgoing, onTold?: OnTold, sign?: boolean): void;
  /** The member is there again, or may be. */
  wake(peerId: PeerId): void;
  /** What waits for the member is void. */
  forget(peerId: PeerId): void;
  /** The same of whoever is no member any more. */
  retain(isMember: (peerId: PeerId) => boolean): void;
}

export function createDeliveries(
  { rpc, net, clock, incarnation, receiverOf }: DeliveriesDeps,
  { timeoutMs, maxTopics, ...bounds }: DeliveriesConfig,
): Deliveries {
  const outboxes = new Map<PeerId, Outbox>();
  let numbers = createNumbers(maxTopics);
  let life = incarnation();

  function outboxOf(peerId: PeerId): Outbox {
    let outbox = outboxes.get(peerId);
    if (!outbox) {
      outbox = createOutbox(
        {
          clock,
          isConnected: () => net.isConnected(peerId),
          async send({ incarnation, messages, sign }) {
            const receiver = receiverOf(peerId);
            if (receiver === undefined) throw new P2posError('PEER_UNREACHABLE', { peerId });
            const input = { incarnation, receiver, messages, ...(sign.length > 0 && { sign }) };
            return rpc.call(peerId, PUBSUB, 'deliver', input, { timeoutMs });
          },
        },
        { ...bounds, maxUnderWay: 8 },
      );
      outboxes.set(peerId, outbox);
    }
    return outbox;
  }

  function forget(peerId: PeerId): void {
    outboxes.get(peerId)?.[Symbol.dispose]();
    outboxes.delete(peerId);
    numbers.forget(peerId);
  }

  return {
    next(name) {
      if (incarnation() !== life) {
        // Some peers know a greater one of a former process, and took nothing. What is on its way to the others still goes.
        life = incarnation();
        numbers = createNumbers(maxTopics);
      }
      return { incarnation: life, seq: numbers.next(name) };
    },
    send(peerId, { name, incarnation, seq, at, data }, onTold, sign) {
      const body: MessageBody = [name, seq, numbers.follow(peerId, name, seq), at, data];
      outboxOf(peerId).push({ incarnation, body, onTold, sign });
    },
    wake: (peerId) => outboxes.get(peerId)?.wake(),
    forget,
    retain(isMember) {
      for (const peerId of [...outboxes.keys()]) if (!isMember(peerId)) forget(peerId);
    },
    [Symbol.dispose]() {
      for (const outbox of outboxes.values()) outbox[Symbol.dispose]();
    },
  };
}
