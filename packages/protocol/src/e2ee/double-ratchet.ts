/**
 * Messages between two, each under a key of its own: the Double Ratchet (Perrin and Marlinspike, revision 1, 2016). Who takes
 * a device learns neither what was read before nor, once both have written again, what follows.
 *
 * States are values: an operation that fails leaves the one before in force, so no forged message can break a session.
 *
 * @example
 * let alice = await startSending(agreed, bobSignedPreKey);
 * const sent = await encrypt(alice, bytes); // { state, message }
 * alice = sent.state;
 */
import { toBase64url } from '../encoding/base64url.ts';
import { concatBytes, equalBytes } from '../encoding/bytes.ts';
import { decodeCbor, encodeCbor } from '../encoding/cbor.ts';
import { P2posError } from '../errors/errors.ts';
import { diffieHellman, generateDhPair, hkdf, hmac, type KeyPair, seal, unseal } from './primitives.ts';
import type { Agreed } from './x3dh.ts';

/** Keys passed over in one step, for messages that are late: more is refused (section 2.6). */
export const MAX_SKIP = 1_000;
/** Kept of all steps; the oldest are forgotten. */
const MAX_SKIPPED_KEYS = 2_000;
const MAX_MESSAGE_BYTES = 1_048_576;
const ROOT_INFO = 'p2pos/ratchet/root';

/** Secret; holds only values, so that it can be stored. */
export interface RatchetState {
  readonly associated: Uint8Array;
  readonly rootKey: Uint8Array;
  readonly own: KeyPair;
  readonly theirs: Uint8Array | undefined;
  readonly sendingKey: Uint8Array | undefined;
  readonly receivingKey: Uint8Array | undefined;
  readonly sent: number;
  readonly received: number;
  /** In the sending chain before this one. */
  readonly sentBefore: number;
  /** `<their key>:<number>` → message key, the oldest first. */
  readonly skipped: ReadonlyMap<string, Uint8Array>;
}

interface Header {
  readonly dh: Uint8Array;
  /** Length of the sender's chain before. */
  readonly pn: number;
  readonly n: number;
}

/** For who wrote first: `theirPreKey` is the signed pre-key that was agreed with. */
export async function startSending(agreed: Agreed, theirPreKey: Uint8Array): Promise<RatchetState> {
  const own = await generateDhPair();
  const { rootKey, chainKey } = await stepRoot(
    agreed.secret,
    await diffieHellman(own.privateKey, theirPreKey),
  );
  const { associated } = agreed;
  return { ...EMPTY, associated, rootKey, own, theirs: theirPreKey, sendingKey: chainKey };
}

/** For who was written to: `ownPreKey` is the signed pre-key that was agreed with. */
export function startReceiving(agreed: Agreed, ownPreKey: KeyPair): RatchetState {
  return { ...EMPTY, associated: agreed.associated, rootKey: agreed.secret, own: ownPreKey };
}

const EMPTY = {
  theirs: undefined,
  sendingKey: undefined,
  receivingKey: undefined,
  sent: 0,
  received: 0,
  sentBefore: 0,
  skipped: new Map<string, Uint8Array>(),
} as const;

/** @throws P2posError E2EE_NOT_STARTED for who was written to and has read nothing yet */
export async function encrypt(
  state: RatchetState,
  plaintext: Uint8Array,
): Promise<{ readonly state: RatchetState; readonly message: Uint8Array }> {
  if (!state.sendingKey) throw new P2posError('E2EE_NOT_STARTED');
  const { messageKey, chainKey } = await stepChain(state.sendingKey);
  const header = encodeCbor({ dh: state.own.publicKey, pn: state.sentBefore, n: state.sent });
  const ciphertext = await seal(messageKey, plaintext, concatBytes(state.associated, header));
  return {
    state: { ...state, sendingKey: chainKey, sent: state.sent + 1 },
    message: encodeCbor([header, ciphertext]),
  };
}

/** @throws P2posError E2EE_UNREADABLE for what was changed, is read already, or is not for this session; E2EE_KEY_INVALID */
export async function decrypt(
  state: RatchetState,
  message: Uint8Array,
): Promise<{ readonly state: RatchetState; readonly plaintext: Uint8Array }> {
  const { header, headerBytes, ciphertext } = parse(message);
  const associated = concatBytes(state.associated, headerBytes);
  const name = nameOf(header.dh, header.n);
  const late = state.skipped.get(name);
  if (late) {
    const plaintext = await unseal(late, ciphertext, associated);
    const skipped = new Map(state.skipped);
    skipped.delete(name);
    return { state: { ...state, skipped }, plaintext };
  }
  let next = state;
  if (!state.theirs || !equalBytes(header.dh, state.theirs)) {
    next = await skip(next, header.pn);
    next = await turn(next, header.dh);
  }
  if (header.n < next.received) throw unreadable('it was read already, or its key is forgotten');
  next = await skip(next, header.n);
  if (!next.receivingKey) throw unreadable('it belongs to no chain');
  const { messageKey, chainKey } = await stepChain(next.receivingKey);
  const plaintext = await unseal(messageKey, ciphertext, associated);
  return { state: { ...next, receivingKey: chainKey, received: header.n + 1 }, plaintext };
}

/** Keeps the keys of messages up to `until` for when they come. */
async function skip(state: RatchetState, until: number): Promise<RatchetState> {
  if (!state.receivingKey || !state.theirs || until <= state.received) return state;
  if (until - state.received > MAX_SKIP)
    throw unreadable(`more than ${MAX_SKIP} messages before it are missing`);
  const skipped = new Map(state.skipped);
  let key = state.receivingKey;
  for (let n = state.received; n < until; n++) {
    const { messageKey, chainKey } = await stepChain(key);
    skipped.set(nameOf(state.theirs, n), messageKey);
    key = chainKey;
  }
  for (const name of skipped.keys()) {
    if (skipped.size <= MAX_SKIPPED_KEYS) break;
    skipped.delete(name);
  }
  return { ...state, receivingKey: key, received: until, skipped };
}

/** The other has a new key: a new chain from them, and one to them. */
async function turn(state: RatchetState, theirs: Uint8Array): Promise<RatchetState> {
  const receiving = await stepRoot(state.rootKey, await diffieHellman(state.own.privateKey, theirs));
  const own = await generateDhPair();
  const sending = await stepRoot(receiving.rootKey, await diffieHellman(own.privateKey, theirs));
  return {
    ...state,
    theirs,
    own,
    rootKey: sending.rootKey,
    receivingKey: receiving.chainKey,
    sendingKey: sending.chainKey,
    sentBefore: state.sent,
    sent: 0,
    received: 0,
  };
}

async function stepRoot(rootKey: Uint8Array, secret: Uint8Array) {
  const bytes = await hkdf(rootKey, secret, ROOT_INFO, 64);
  return { rootKey: bytes.slice(0, 32), chainKey: bytes.slice(32) };
}

/** Section 5.2: constants 1 and 2. */
export async function stepChain(chainKey: Uint8Array) {
  const messageKey = await hmac(chainKey, Uint8Array.of(1));
  return { messageKey, chainKey: await hmac(chainKey, Uint8Array.of(2)) };
}

function parse(message: Uint8Array) {
  const parts = decoded(message, MAX_MESSAGE_BYTES);
  if (!Array.isArray(parts) || parts.length !== 2 || !parts.every((part) => part instanceof Uint8Array))
    throw unreadable('it is no message of a session');
  const [headerBytes, ciphertext] = parts as [Uint8Array, Uint8Array];
  const header = decoded(headerBytes, 128) as Partial<Header> | null;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!(header?.dh instanceof Uint8Array) || !isCount(header.n) || !isCount(header.pn))
    throw unreadable('its header is malformed');
  return { header: header as Header, headerBytes, ciphertext };
}

function decoded(bytes: Uint8Array, maxBytes: number): unknown {
  try {
    return decodeCbor(bytes, { maxBytes });
  } catch (error) {
    throw unreadable('it is malformed', error);
  }
}

function nameOf(key: Uint8Array, n: number): string {
  return `${toBase64url(key)}:${n}`;
}

function unreadable(reason: string, cause?: unknown): P2posError {
  return new P2posError('E2EE_UNREADABLE', { reason }, { cause });
}
