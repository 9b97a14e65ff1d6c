/**
 * Where a watch stands, as clients carry it: a position in the log of each replica, the newest version told so far, and what
 * was told that lies behind some of the positions.
 */
import {
  type Crypto,
  decodeCbor,
  encodeCbor,
  fromBase64url,
  P2posError,
  toBase64url,
  toHex,
} from '@p2pos/protocol';
import type { PeerId } from '../../net/index.ts';
import type { LogRange } from './log.ts';
import { TOLD_BYTES } from './unheard.ts';

export interface Standing {
  /** Of which keys it is, by `rangeDigest`; undefined: it does not say. */
  readonly range: string | undefined;
  /** First part of the greatest version told, 16 hex digits; what is not above it may have been told already. */
  readonly horizon: string;
  readonly positions: ReadonlyMap<PeerId, { readonly store: string; readonly position: number }>;
  /** Digests of changes that replicas will tell again. */
  readonly told: readonly Uint8Array[];
}

/** 256 replicas and more to come. */
export const MAX_TOKEN_CHARACTERS = 65_536;
const FORM = 1;
const MAX_REPLICAS = 1_024;
const STORE_BYTES = 16;
/** The range stands among the positions, as that of nobody: nodes that know of no range forget it. */
const RANGE = '';
export const MAX_TOLD = 256;

/** Hex. What was told of some keys says nothing of others. */
export function rangeDigest(crypto: Pick<Crypto, 'sha256'>, { namespace, prefix }: LogRange): string {
  return toHex(crypto.sha256(encodeCbor([namespace, prefix])).slice(0, STORE_BYTES));
}

/** base64url of `[form, horizon, [["", range, 0], [peerId, store, position], …], [told, …]]`; without the last where nothing is. */
export function encodeToken({ range, horizon, positions, told }: Standing): string {
  const list = [
    ...(range === undefined ? [] : [[RANGE, Buffer.from(range, 'hex'), 0]]),
    ...[...positions].map(([peerId, { store, position }]) => [peerId, Buffer.from(store, 'hex'), position]),
  ];
  return toBase64url(encodeCbor([FORM, horizon, list, ...(told.length > 0 ? [told] : [])]));
}

/** @throws P2posError WATCH_TOKEN_INVALID */
export function decodeToken(token: string): Standing {
  const parsed = token.length <= MAX_TOKEN_CHARACTERS ? parse(token) : undefined;
  if (!parsed) throw new P2posError('WATCH_TOKEN_INVALID');
  return parsed;
}

function parse(token: string): Standing | undefined {
  let fields: unknown;
  try {
    fields = decodeCbor(fromBase64url(token), { maxBytes: MAX_TOKEN_CHARACTERS });
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields) || (fields.length !== 3 && fields.length !== 4) || fields[0] !== FORM)
    return undefined;
  const [, horizon, list, told = []] = fields as unknown[];
  if (typeof horizon !== 'string' || !/^([0-9a-f]{16})?$/.test(horizon)) return undefined;
  if (!Array.isArray(list) || list.length > MAX_REPLICAS) return undefined;
  if (!isTold(told)) return undefined;
  const positions = new Map<PeerId, { store: string; position: number }>();
  for (const entry of list as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 3) return undefined;
    const [peerId, store, position] = entry as unknown[];
    if (typeof peerId !== 'string' || peerId.length > 128) return undefined;
    if (!(store instanceof Uint8Array && store.length === STORE_BYTES)) return undefined;
    if (!Number.isSafeInteger(position) || (position as number) < 0) return undefined;
    positions.set(peerId, { store: Buffer.from(store).toString('hex'), position: position as number });
  }
  const range = positions.get(RANGE)?.store;
  positions.delete(RANGE);
  return { range, horizon, positions, told };
}

function isTold(list: unknown): list is readonly Uint8Array[] {
  return (
    Array.isArray(list) &&
    list.length <= MAX_TOLD &&
    list.every((item) => item instanceof Uint8Array && item.length === TOLD_BYTES)
  );
}
