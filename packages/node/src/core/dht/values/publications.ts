/** What this node put into the table and keeps alive until its end: made and signed anew each time, with a later end. */
import {
  type Crypto,
  contentKeyOf,
  type DhtEntry,
  dhtKeyOf,
  formatTimestamp,
  MAX_DHT_TTL_MS,
  P2posError,
  type Signer,
  signDhtEntry,
} from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { NodeId } from '../routing/node-id.ts';
import type { StoredValue } from './value.ts';

export type Publishable =
  | { readonly kind: 'content'; readonly value: Uint8Array; readonly ttlMs: number }
  | {
      readonly kind: 'own' | 'shared';
      readonly topic: string;
      readonly entry: string;
      readonly value: Uint8Array;
      readonly ttlMs: number;
    };

export interface Publication {
  readonly name: string;
  readonly key: NodeId;
  /** `Clock.now` at which it ends for good. */
  readonly endsAt: number;
  /** `Clock.monotonic` at which it is to be stored again. */
  renewAt: number;
  /** What to store now. */
  make(): Promise<StoredValue>;
}

export interface Publications {
  /** Replaces the one of the same name. @throws P2posError DHT_FULL, DHT_VALUE_REFUSED */
  add(item: Publishable): Publication;
  /** What replaces the entry wherever it lies, and ends at once; undefined: there was none. */
  remove(item: { readonly topic: string; readonly entry: string }): Publication | undefined;
  /** Those to be renewed now; what has ended is forgotten. */
  takeDue(limit: number): Publication[];
  size(): number;
}

/** A replacement must outlive the walk to the holders. */
const WITHDRAWAL_MS = 60_000;

export function createPublications(
  deps: {
    readonly clock: Pick<Clock, 'now' | 'monotonic'>;
    readonly crypto: Pick<Crypto, 'sha256'>;
    readonly signer: Signer;
  },
  config: {
    readonly systemId: string;
    readonly author: PeerId;
    /** After a renewal that is to last. */
    readonly renewMs: number;
    readonly maxPublications: number;
  },
): Publications {
  const { clock, crypto, signer } = deps;
  const { systemId, author } = config;
  const publications = new Map<string, Publication>();
  let lastSeq = 0;

  /** Greater than any before it, after a restart too while the clock does not go back. */
  function nextSeq(): number {
    lastSeq = Math.max(lastSeq + 1, Math.floor(clock.now()));
    return lastSeq;
  }

  function publicationOf(item: Publishable): Publication {
    const endsAt = clock.now() + item.ttlMs;
    const renewAt = clock.monotonic() + config.renewMs;
    if (item.kind === 'content') {
      const key = contentKeyOf(item.value, crypto);
      const value: StoredValue = { kind: 'content', bytes: item.value };
      return {
        name: `content ${Buffer.from(key).toString('hex')}`,
        key,
        endsAt,
        renewAt,
        make: async () => value,
      };
    }
    const { kind, topic, entry, value } = item;
    return {
      name: `${kind} ${topic} ${entry}`,
      key: dhtKeyOf({ kind, author, topic }, crypto),
      endsAt,
      renewAt,
      async make() {
        const now = clock.now();
        const until = Math.min(endsAt, now + MAX_DHT_TTL_MS);
        const body: DhtEntry = {
          ...{ systemId, kind, author, topic, entry, value, seq: nextSeq() },
          issuedAt: formatTimestamp(now),
          expiresAt: formatTimestamp(until),
        };
        return { kind: 'signed', bytes: await signDhtEntry(body, signer, crypto) };
      },
    };
  }

  return {
    add(item) {
      if (!(item.ttlMs > 0)) throw new P2posError('DHT_VALUE_REFUSED', { reason: 'it has no time to live' });
      const publication = publicationOf(item);
      if (!publications.has(publication.name) && publications.size >= config.maxPublications)
        throw new P2posError('DHT_FULL', {
          reason: `this node renews ${config.maxPublications} values already`,
        });
      publications.set(publication.name, publication);
      return publication;
    },
    remove({ topic, entry }) {
      if (!publications.delete(`shared ${topic} ${entry}`)) return undefined;
      return publicationOf({ kind: 'shared', topic, entry, value: new Uint8Array(0), ttlMs: WITHDRAWAL_MS });
    },
    takeDue(limit) {
      const due: Publication[] = [];
      for (const [name, publication] of publications) {
        if (publication.endsAt <= clock.now()) publications.delete(name);
        else if (publication.renewAt <= clock.monotonic() && due.length < limit) {
          publication.renewAt = clock.monotonic() + config.renewMs;
          due.push(publication);
        }
      }
      return due;
    },
    size: () => publications.size,
  };
}
