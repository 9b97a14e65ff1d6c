/**
 * The root of trust (tier 0): which system keys count, what they vouched for, and what they took back. Pure functions
 * over documents whose signatures were checked before; the result depends on the set of documents, not on their order.
 */

import { toHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';
import type { AdminProof, Genesis, KeyRotation, Revocation, Timestamp } from './bodies.ts';

/** Lower-case hex of a document's hash or of a public key. */
export type Hex = string;

/** A document with the keys whose signatures on it were verified. */
export interface Signed<B> {
  readonly hash: Hex;
  readonly body: B;
  readonly signers: ReadonlySet<Hex>;
}

/** One link of the chain of system keys. */
export interface KeySet {
  readonly hash: Hex;
  readonly version: number;
  /** Undefined for the genesis: valid from the beginning. */
  readonly since: Timestamp | undefined;
  readonly keys: ReadonlySet<Hex>;
  readonly threshold: number;
  /** Serials of proofs that outlive this rotation. */
  readonly kept: ReadonlySet<string>;
}

export interface Fork {
  /** The last document both branches share. */
  readonly parent: Hex;
  readonly version: number;
  readonly children: readonly Hex[];
}

export interface RootChain {
  /** Genesis first, the keys in force last. Ends before a fork. */
  readonly links: readonly KeySet[];
  readonly fork: Fork | undefined;
}

/** Two signed children of one document: neither counts, nothing under either does, until people settle it. */
export function rootChain(genesis: Signed<Genesis>, rotations: Iterable<Signed<KeyRotation>>): RootChain {
  const children = Map.groupBy(rotations, ({ body }) => toHex(body.previous));
  const links: KeySet[] = [keySetOf(genesis)];
  for (;;) {
    const head = links.at(-1) as KeySet;
    const next = children.get(head.hash) ?? [];
    if (next.length > 1) {
      const hashes = next.map(({ hash }) => hash).sort();
      return { links, fork: { parent: head.hash, version: head.version, children: hashes } };
    }
    const only = next[0];
    if (!only) return { links, fork: undefined };
    links.push(keySetOf(only));
  }
}

function keySetOf({ hash, body }: Signed<Genesis> | Signed<KeyRotation>): KeySet {
  if ('systemKeys' in body) {
    const keys = new Set(body.systemKeys.map(toHex));
    return { hash, version: 1, since: undefined, keys, threshold: body.threshold, kept: new Set() };
  }
  return {
    hash,
    version: body.version,
    since: body.createdAt,
    keys: new Set(body.keys.map(toHex)),
    threshold: body.threshold,
    kept: new Set(body.keptSerials),
  };
}

function meets({ keys, threshold }: KeySet, signers: ReadonlySet<Hex>): boolean {
  let count = 0;
  for (const key of signers) if (keys.has(key)) count++;
  return count >= threshold;
}

/** Signed children of one document that are kept as evidence; more say nothing new. */
const MAX_EVIDENCE = 4;

/**
 * Throws unless the rotation may be stored: next to the keys in force, or beside a stored one as evidence of a fork.
 *
 * @param now what this node believes the time is, with the tolerance already added
 * @throws P2posError ROTATION_PREVIOUS_UNKNOWN, ROTATION_VERSION, ROTATION_DATE, ROTATION_SIGNATURE, ROOT_FORKED
 */
export function judgeRotation(
  chain: RootChain,
  stored: Iterable<Signed<KeyRotation>>,
  rotation: Signed<KeyRotation>,
  now: Timestamp,
): void {
  const { body, signers } = rotation;
  const previous = toHex(body.previous);
  const parent = chain.links.find((link) => link.hash === previous);
  if (!parent) {
    const contested = [...stored].some(({ hash }) => hash === previous);
    throw new P2posError(contested ? 'ROOT_FORKED' : 'ROTATION_PREVIOUS_UNKNOWN', { previous });
  }
  const { version } = body;
  if (version !== parent.version + 1) {
    throw new P2posError('ROTATION_VERSION', { version, expected: parent.version + 1 });
  }
  if (body.createdAt < (parent.since ?? '') || body.createdAt > now) {
    throw new P2posError('ROTATION_DATE', { createdAt: body.createdAt });
  }
  if (!meets(parent, signers)) {
    throw new P2posError('ROTATION_SIGNATURE', { which: 'old', threshold: parent.threshold });
  }
  if (!meets(keySetOf(rotation), signers)) {
    throw new P2posError('ROTATION_SIGNATURE', { which: 'new', threshold: body.threshold });
  }
  const siblings = [...stored].filter((other) => toHex(other.body.previous) === previous);
  if (siblings.length >= MAX_EVIDENCE) throw new P2posError('ROOT_FORKED', { previous });
}

/** Whether a rotation was rightly signed after `parent`, whatever else follows it. */
export function followsFrom(
  parent: Signed<Genesis> | Signed<KeyRotation>,
  rotation: Signed<KeyRotation>,
): boolean {
  const before = keySetOf(parent);
  const after = keySetOf(rotation);
  return (
    toHex(rotation.body.previous) === before.hash &&
    after.version === before.version + 1 &&
    meets(before, rotation.signers) &&
    meets(after, rotation.signers)
  );
}

/** Whether some keys of the chain vouch for the revocation; a rotation does not undo what older keys revoked. */
export function isRevocationSigned(chain: RootChain, { signers }: Signed<Revocation>): boolean {
  return chain.links.some((link) => meets(link, signers));
}

/** What an admin proof says, with the keys that signed it. */
export type Proof = Signed<AdminProof>;

/** `issuedAt` of what it covers: from ≤ issuedAt ≤ until, and before `endedBy` where a rotation ended it. */
export interface ProofWindow {
  readonly from: Timestamp;
  readonly until: Timestamp;
  readonly endedBy: Timestamp | undefined;
}

/**
 * When the proof counts; undefined when no system keys in office at its `validFrom` signed it. A rotation ends every
 * older proof that it does not keep, at its own date.
 */
export function proofWindow({ links }: RootChain, { body, signers }: Proof): ProofWindow | undefined {
  let best: ProofWindow | undefined;
  for (const [index, link] of links.entries()) {
    if ((link.since ?? '') > body.validFrom || !meets(link, signers)) continue;
    const endedBy = links.slice(index + 1).find((later) => !later.kept.has(body.serial))?.since;
    if (endedBy !== undefined && endedBy <= body.validFrom) continue;
    if (best?.endedBy === undefined && best) continue;
    if (!best || endedBy === undefined || endedBy > (best.endedBy as Timestamp)) {
      best = { from: body.validFrom, until: body.validTo, endedBy };
    }
  }
  return best;
}

export function isCovered({ from, until, endedBy }: ProofWindow, at: Timestamp): boolean {
  return from <= at && at <= until && (endedBy === undefined || at < endedBy);
}

/** The union of all revocations that count. */
export interface Revoked {
  readonly peers: ReadonlySet<string>;
  /** Per serial each last good snapshot that was named; undefined: none is good. All of them must hold. */
  readonly serials: ReadonlyMap<string, readonly (Hex | undefined)[]>;
}

export function revoked(chain: RootChain, revocations: Iterable<Signed<Revocation>>): Revoked {
  const peers = new Set<string>();
  const serials = new Map<string, (Hex | undefined)[]>();
  for (const revocation of revocations) {
    if (!isRevocationSigned(chain, revocation)) continue;
    for (const peerId of revocation.body.peerIds) peers.add(peerId);
    for (const { serial, lastGoodSnapshot } of revocation.body.serials) {
      const named = serials.get(serial) ?? [];
      named.push(lastGoodSnapshot && toHex(lastGoodSnapshot));
      serials.set(serial, named);
    }
  }
  return { peers, serials };
}
