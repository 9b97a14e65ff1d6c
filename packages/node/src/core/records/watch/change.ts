/** Changes as replicas tell them, checked: the record is the one that was signed, and of a key that was asked for. */
import { type Crypto, equalBytes, P2posError } from '@p2pos/protocol';
import { startsWith } from '../format/range.ts';
import { authorOf, decodeHeader, fitsValue, isDead } from '../format/record.ts';
import type { SealVerifier } from '../format/seal.ts';
import type { ChangeBody } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';
import type { LogRange } from './log.ts';

export interface Change {
  readonly key: Uint8Array;
  readonly partition: Uint8Array;
  readonly version: string;
  /** Null: deleted or expired. */
  readonly value: Uint8Array | null;
  readonly expiresAt: number | undefined;
}

/** Something changed, and the replica cannot show what. */
export type Hint = Pick<Change, 'key' | 'partition'> & { readonly version?: undefined };

export interface ChangeReader {
  /** @throws P2posError PEER_PROTOCOL, RECORD_SIGNATURE, RECORD_INVALID, DOCUMENT_MALFORMED */
  read(range: LogRange, body: ChangeBody): Promise<Change | Hint>;
}

export interface ChangeReaderDeps {
  readonly verifier: SealVerifier;
  readonly topology: Pick<Topology, 'wasEverMember'>;
  readonly crypto: Crypto;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** The same, once others have told it. */
  readonly trustedNow: () => Promise<number>;
}

export function createChangeReader({
  verifier,
  topology,
  crypto,
  now,
  trustedNow,
}: ChangeReaderDeps): ChangeReader {
  return {
    async read({ namespace, prefix }, [key, other, record]) {
      const partition = other ?? key;
      if (!startsWith(key, prefix)) throw wrong('it told of a key outside the range');
      if (!record) return { key, partition };
      const [header, value, proof] = record;
      const fields = decodeHeader(header);
      const named =
        fields.namespace === namespace &&
        equalBytes(fields.key, key) &&
        equalBytes(fields.partition, partition);
      if (!named) throw wrong('it told of one key and showed another');
      const author = authorOf(fields);
      const { version, expiresAt } = fields;
      if (!topology.wasEverMember(author) || !(await verifier.verify({ header, proof }, author)))
        throw wrong('it showed a record that no member signed');
      // By a clock that is still wrong what lives would be told as gone, and never again.
      const dead = isDead(fields, value && expiresAt !== undefined ? await trustedNow() : now());
      if (!dead && !value) return { key, partition };
      if (value && !fitsValue(crypto, fields, value)) throw wrong('it showed a value that was not signed');
      return { key, partition, version, value: dead ? null : value, expiresAt };
    },
  };
}

function wrong(reason: string): P2posError {
  return new P2posError('PEER_PROTOCOL', { peerId: 'a replica', reason });
}
