/** Signatures for messages that arrived, and a receipt made of those of all who got one. */
import {
  type Crypto,
  type DeliveryReceipt,
  type DeliveryStatement,
  encodeDelivery,
  P2posError,
  type Signer,
  signDelivery,
} from '@p2pos/protocol';
import type { Clock } from '../../../core/clock/index.ts';
import type { PeerId } from '../../../core/net/index.ts';
import type { MessageBody } from '../wire.ts';
import type { Signed } from './outbox.ts';

export interface NotaryDeps {
  readonly self: PeerId;
  readonly systemId: string;
  readonly signer: Signer;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Pick<Clock, 'now'>;
}

type Numbers = readonly [publisher: PeerId, incarnation: number, seq: number, at: number];

export interface Notary {
  /** That a message of `publisher` is here, for so many clients. */
  sign(
    publisher: PeerId,
    incarnation: number,
    message: MessageBody | undefined,
    clients: number,
  ): Promise<[number, Uint8Array]>;
  begin(name: string, numbers: Numbers, data: Uint8Array): Paper;
}

/** A receipt in the making. */
export interface Paper {
  add(peerId: PeerId, clients: number, signed: Signed): void;
  /** @param own Clients of this node that have it. */
  end(own: number): Promise<DeliveryReceipt>;
}

export function createNotary({ self, systemId, signer, crypto, clock }: NotaryDeps): Notary {
  function headerOf(name: string, [publisher, incarnation, seq, at]: Numbers, data: Uint8Array) {
    const end = name.indexOf('/.');
    const [app, topic] = [name.slice(0, end), name.slice(end + 2)];
    const hash = crypto.sha256(data);
    return { app, topic, publisher, incarnation, seq, at, hash, bytes: data.length };
  }
  const sealed = (clients: number) => ({ systemId, at: Math.floor(clock.now()), clients });

  return {
    async sign(publisher, incarnation, message, clients) {
      const [name = '', seq = 0, , at = 0, data] = message ?? [];
      if (!data) throw new P2posError('BAD_REQUEST', { reason: 'There is nothing to sign for.' });
      const header = headerOf(name, [publisher, incarnation, seq, at], data);
      const statement = await signDelivery(header, sealed(clients), { peerId: self, signer });
      return [statement.at, statement.signature];
    },
    begin(name, numbers, data) {
      const header = headerOf(name, numbers, data);
      const statements: DeliveryStatement[] = [];
      return {
        add: (peerId, clients, [at, signature]) => void statements.push({ peerId, at, clients, signature }),
        async end(own) {
          if (own > 0) statements.push(await signDelivery(header, sealed(own), { peerId: self, signer }));
          return { systemId, delivery: encodeDelivery(header), statements };
        },
      };
    },
  };
}
