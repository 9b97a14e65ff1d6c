/** The registrations that this member holds: verified, in memory, within bounds, until they end. */
import { type Crypto, type DhtEntry, P2posError, parseTimestamp, verifyDhtEntry } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import { MAX_TOPIC_LENGTH } from './wire.ts';

export interface BoardLimits {
  readonly maxEntries: number;
  readonly perTopic: number;
  /** Of the node that signs them, which members alone are. */
  readonly perAuthor: number;
}

export const DEFAULT_BOARD_LIMITS: BoardLimits = { maxEntries: 65_536, perTopic: 4_096, perAuthor: 8_192 };

const MAX_SKEW_MS = 5 * 60_000;
const MAX_LIFE_MS = 25 * 3_600_000;

export interface Posted {
  readonly bytes: Uint8Array;
  readonly entry: DhtEntry;
  readonly expiresAt: number;
}

export interface Board {
  /** Verifies and keeps it. @throws P2posError DHT_VALUE_REFUSED, NOT_A_MEMBER, RENDEZVOUS_FULL */
  post(bytes: Uint8Array): Promise<void>;
  /** @throws P2posError DHT_VALUE_REFUSED, NOT_A_MEMBER */
  verify(bytes: Uint8Array): Promise<Posted>;
  /** The newest first. */
  read(topic: string, limit: number): Posted[];
  sweep(): void;
  /** Forgets those of authors that are no members any more. */
  retain(keep: (peerId: PeerId) => boolean): void;
  size(): number;
}

export function createBoard(
  deps: {
    readonly crypto: Crypto;
    readonly clock: Pick<Clock, 'now'>;
    readonly isActive: (peerId: PeerId) => boolean;
  },
  { systemId, limits }: { readonly systemId: string; readonly limits: BoardLimits },
): Board {
  const { crypto, clock, isActive } = deps;
  const topics = new Map<string, Map<string, Posted>>();
  const authors = new Map<PeerId, number>();
  let size = 0;

  async function verify(bytes: Uint8Array): Promise<Posted> {
    const refuse = (reason: string) => new P2posError('DHT_VALUE_REFUSED', { reason });
    const { body: entry } = await verifyDhtEntry(bytes, systemId, crypto);
    const now = clock.now();
    const issuedAt = parseTimestamp(entry.issuedAt);
    const expiresAt = parseTimestamp(entry.expiresAt);
    if (entry.kind !== 'shared') throw refuse('a registration is a shared entry');
    if (entry.topic.length > MAX_TOPIC_LENGTH) throw refuse('its topic is too long');
    if (issuedAt > now + MAX_SKEW_MS) throw refuse('it was made in the future');
    if (expiresAt - issuedAt > MAX_LIFE_MS) throw refuse('it is to last longer than 25 hours');
    if (expiresAt <= now) throw refuse('it has ended');
    if (!isActive(entry.author)) throw new P2posError('NOT_A_MEMBER', { peerId: entry.author });
    return { bytes, entry, expiresAt };
  }

  function count(author: PeerId, change: number): void {
    size += change;
    const left = (authors.get(author) ?? 0) + change;
    if (left === 0) authors.delete(author);
    else authors.set(author, left);
  }

  function dropWhere(isOver: (posted: Posted) => boolean): void {
    for (const [topic, posts] of topics) {
      for (const [name, posted] of posts) {
        if (!isOver(posted)) continue;
        posts.delete(name);
        count(posted.entry.author, -1);
      }
      if (posts.size === 0) topics.delete(topic);
    }
  }

  return {
    verify,
    async post(bytes) {
      const posted = await verify(bytes);
      const { topic, author, entry: name, seq } = posted.entry;
      const posts = topics.get(topic) ?? new Map<string, Posted>();
      const key = `${author} ${name}`;
      const before = posts.get(key);
      if (before && before.entry.seq >= seq) return;
      if (!before) {
        const full = (reason: string) => new P2posError('RENDEZVOUS_FULL', { reason });
        if (size >= limits.maxEntries) throw full('this node keeps as many registrations as it may');
        if (posts.size >= limits.perTopic) throw full('the namespace has as many registrations as it may');
        if ((authors.get(author) ?? 0) >= limits.perAuthor)
          throw full('its node has as many registrations as it may');
        count(author, 1);
      }
      topics.set(topic, posts);
      posts.delete(key);
      posts.set(key, posted);
    },
    read(topic, limit) {
      const now = clock.now();
      return [...(topics.get(topic)?.values() ?? [])]
        .filter(({ expiresAt }) => expiresAt > now)
        .sort((a, b) => b.entry.seq - a.entry.seq)
        .slice(0, limit);
    },
    sweep() {
      const now = clock.now();
      dropWhere(({ expiresAt }) => expiresAt <= now);
    },
    retain: (keep) => dropWhere(({ entry }) => !keep(entry.author)),
    size: () => size,
  };
}
