/**
 * Messages to a room: each member has a chain that only moves on, and gives its present key to the others over their pairwise
 * sessions ("sender keys", as in WhatsApp's white paper, 2016, and Balbás et al., ASIACRYPT 2023). One encryption for all; signed, so no member
 * can write as another. Who leaves reads nothing new once every other has made a fresh chain; who joins reads nothing old.
 */
import { toBase64url } from '../encoding/base64url.ts';
import { concatBytes } from '../encoding/bytes.ts';
import { decodeCbor, encodeCbor } from '../encoding/cbor.ts';
import { P2posError } from '../errors/errors.ts';
import { MAX_SKIP, stepChain } from './double-ratchet.ts';
import { generateSigningPair, type KeyPair, seal, sign, unseal, verify } from './primitives.ts';

const MAX_MESSAGE_BYTES = 1_048_576;
const MAX_SKIPPED_KEYS = 2_000;
const PURPOSE = new TextEncoder().encode('p2pos/sender-key/message\0');

/** Of one's own; secret. */
export interface SenderState {
  readonly room: string;
  readonly chainKey: Uint8Array;
  readonly sent: number;
  readonly signing: KeyPair;
}

/** What the other members get, over their sessions; secret to the room. */
export interface SenderKey {
  readonly room: string;
  readonly chainKey: Uint8Array;
  readonly n: number;
  /** Names the chain and signs its messages. */
  readonly signingKey: Uint8Array;
}

/** What one knows of another member's chain. */
export interface ReceiverState extends SenderKey {
  readonly skipped: ReadonlyMap<number, Uint8Array>;
}

/** A fresh chain: at the start, and whenever a member has left. */
export async function createSender(room: string): Promise<SenderState> {
  const chainKey = globalThis.crypto.getRandomValues(new Uint8Array(32));
  return { room, chainKey, sent: 0, signing: await generateSigningPair() };
}

/** For one who may read from here on. */
export function senderKeyOf({ room, chainKey, sent, signing }: SenderState): SenderKey {
  return { room, chainKey, n: sent, signingKey: signing.publicKey };
}

export function createReceiver(key: SenderKey): ReceiverState {
  return { ...key, skipped: new Map() };
}

export async function encryptToRoom(
  state: SenderState,
  plaintext: Uint8Array,
): Promise<{ readonly state: SenderState; readonly message: Uint8Array }> {
  const { messageKey, chainKey } = await stepChain(state.chainKey);
  const header = encodeCbor({ key: state.signing.publicKey, n: state.sent });
  const ciphertext = await seal(messageKey, plaintext, associated(state.room, header));
  const signature = await sign(state.signing.privateKey, signedBytes(state.room, header, ciphertext));
  return {
    state: { ...state, chainKey, sent: state.sent + 1 },
    message: encodeCbor([header, ciphertext, signature]),
  };
}

/** The name of the chain that a message belongs to; undefined: it is no message of a room. */
export function chainOf(message: Uint8Array): string | undefined {
  try {
    return toBase64url(parse(message).key);
  } catch {
    return undefined;
  }
}

/** @throws P2posError E2EE_UNREADABLE for what was changed, is another's, was read already, or is older than one's membership */
export async function decryptFromRoom(
  state: ReceiverState,
  message: Uint8Array,
): Promise<{ readonly state: ReceiverState; readonly plaintext: Uint8Array }> {
  const { header, ciphertext, signature, n } = parse(message);
  // Before any key is moved on: a member who is no author cannot make others skip.
  if (!(await verify(state.signingKey, signature, signedBytes(state.room, header, ciphertext))))
    throw unreadable('it is not signed by its author');
  const known = state.skipped.get(n);
  const skipped = new Map(state.skipped);
  if (known) {
    const plaintext = await unseal(known, ciphertext, associated(state.room, header));
    skipped.delete(n);
    return { state: { ...state, skipped }, plaintext };
  }
  if (n < state.n) throw unreadable('it was read already, or is from before this member joined');
  if (n - state.n > MAX_SKIP) throw unreadable(`more than ${MAX_SKIP} messages before it are missing`);
  let { chainKey } = state;
  for (let i = state.n; i < n; i++) {
    const step = await stepChain(chainKey);
    skipped.set(i, step.messageKey);
    chainKey = step.chainKey;
  }
  const step = await stepChain(chainKey);
  const plaintext = await unseal(step.messageKey, ciphertext, associated(state.room, header));
  for (const i of skipped.keys()) {
    if (skipped.size <= MAX_SKIPPED_KEYS) break;
    skipped.delete(i);
  }
  return { state: { ...state, chainKey: step.chainKey, n: n + 1, skipped }, plaintext };
}

function parse(message: Uint8Array) {
  try {
    const [header, ciphertext, signature] = decodeCbor(message, {
      maxBytes: MAX_MESSAGE_BYTES,
    }) as Uint8Array[];
    if (!header || !ciphertext || signature?.length !== 64) throw new TypeError('parts are missing');
    const { key, n } = decodeCbor(header, { maxBytes: 128 }) as { key: unknown; n: unknown };
    if (!(key instanceof Uint8Array) || !Number.isSafeInteger(n) || (n as number) < 0)
      throw new TypeError('the header is malformed');
    return { header, ciphertext, signature, key, n: n as number };
  } catch (error) {
    throw unreadable('it is no message of a room', error);
  }
}

function associated(room: string, header: Uint8Array): Uint8Array {
  return concatBytes(new TextEncoder().encode(`${room}\0`), header);
}

function signedBytes(room: string, header: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return concatBytes(PURPOSE, encodeCbor([room, header, ciphertext]));
}

function unreadable(reason: string, cause?: unknown): P2posError {
  return new P2posError('E2EE_UNREADABLE', { reason }, { cause });
}
