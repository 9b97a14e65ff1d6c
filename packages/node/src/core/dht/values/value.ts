/** What lies in the table, and why it may: content under its own hash, entries under the key of their author or topic. */
import {
  type Crypto,
  contentKeyOf,
  type DhtEntry,
  dhtKeyOf,
  MAX_DHT_TTL_MS,
  MAX_DHT_VALUE_BYTES,
  P2posError,
  parseTimestamp,
  verifyDhtEntry,
} from '@p2pos/protocol';
import type { NodeId } from '../routing/node-id.ts';

/** As it travels. */
export interface StoredValue {
  readonly kind: 'content' | 'signed';
  readonly bytes: Uint8Array;
}

/** One that was verified. */
export interface CheckedValue extends StoredValue {
  readonly key: NodeId;
  /** Undefined: content. */
  readonly entry: DhtEntry | undefined;
  /** By this node's clock, ms since the epoch. */
  readonly expiresAt: number;
}

/** Two clocks may differ by this much. */
const MAX_SKEW_MS = 5 * 60_000;

/** Hash or signature, system, dates. @throws P2posError DHT_VALUE_REFUSED */
export async function checkValue(
  value: StoredValue,
  { crypto, systemId, now }: { readonly crypto: Crypto; readonly systemId: string; readonly now: number },
): Promise<CheckedValue> {
  const refuse = (reason: string) => new P2posError('DHT_VALUE_REFUSED', { reason });
  const { kind, bytes } = value;
  if (kind === 'content') {
    if (bytes.length > MAX_DHT_VALUE_BYTES) throw refuse(`it is longer than ${MAX_DHT_VALUE_BYTES} bytes`);
    return {
      kind,
      bytes,
      key: contentKeyOf(bytes, crypto),
      entry: undefined,
      expiresAt: now + MAX_DHT_TTL_MS,
    };
  }
  const { body } = await verifyDhtEntry(bytes, systemId, crypto);
  const expiresAt = parseTimestamp(body.expiresAt);
  const issuedAt = parseTimestamp(body.issuedAt);
  if (expiresAt - issuedAt > MAX_DHT_TTL_MS) throw refuse('it is to last longer than 25 hours');
  if (issuedAt > now + MAX_SKEW_MS) throw refuse('it was made in the future');
  if (expiresAt <= now) throw refuse('it has ended');
  return { kind, bytes, key: dhtKeyOf(body, crypto), entry: body, expiresAt };
}

/** Tells the values under one key apart. */
export function identityOf({ entry }: CheckedValue): string {
  return entry === undefined ? 'content' : `${entry.kind} ${entry.author} ${entry.entry}`;
}
