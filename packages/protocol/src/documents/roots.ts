/**
 * The root of trust (tier 0): which system keys count, what they vouched for, and what they took back. Pure functions
 * over documents whose signatures were checked before; the result depends on the set of documents, not on their order.
 */

import { toHex } from '../encoding/hex.ts';
import { compareTexts } from '../encoding/texts.ts';
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

/** What ends with a rotation, or with a fork of several. */
interface Ending {
  /** What older proofs sign from then on does not count. Undefined for the genesis: nothing was before. */
  readonly since: Timestamp | undefined;
  /** Hashes of older proofs that go on. By hash, since whoever stole older keys makes others with the same serial. */
  readonly keptProofs: ReadonlySet<Hex>;
}

/** One link of the chain of system keys. */
export interface KeySet extends Ending {
  readonly hash: Hex;
  readonly version: number;
  readonly keys: ReadonlySet<Hex>;
  readonly threshold: number;
  /** Hashes of older keys' revocations that go on. */
  readonly keptRevocations: ReadonlySet<Hex>;
}

export interface Fork extends Ending {
  /** The last document both branches share. */
  readonly parent: Hex;
  readonly version: number;
  readonly children: readonly Hex[];
}

/** A rotation that follows one of the links. */
export interface PlacedRotation {
  readonly hash: Hex;
  readonly version: number;
  /** Keys of the link before that signed it, ascending. */
  readonly votes: readonly Hex[];
  /** All but those in force are kept as evidence, and nothing under them counts. */
  readonly place: 'in force' | 'contested' | 'outvoted';
}

export interface RootChain {
  /** Genesis first, the keys in force last. Ends before a fork. */
  readonly links: readonly KeySet[];
  readonly fork: Fork | undefined;
  /** By version, then hash. */
  readonly rotations: readonly PlacedRotation[];
}

/**
 * Of several children of one document the one that most of its keys signed follows it: so nobody undoes a rotation with fewer of
 * the retired keys than its holders have, and the holders settle a fork by one signature more. Where the most are equally many
 * neither counts, nothing under either does, and the older proofs end with the earliest of them.
 */
export function rootChain(genesis: Signed<Genesis>, rotations: Iterable<Signed<KeyRotation>>): RootChain {
  const children = Map.groupBy(rotations, ({ body }) => toHex(body.previous));
  const links: KeySet[] = [keySetOf(genesis)];
  const placed: PlacedRotation[] = [];
  for (;;) {
    const head = links.at(-1) as KeySet;
    const next = ranking(head, children.get(head.hash) ?? []);
    const [first] = next;
    const most = first ? votes(head, first).length : 0;
    const equal = next.filter((one) => votes(head, one).length === most);
    const { length: winners } = equal;
    next.forEach((rotation, rank) => {
      const place = rank >= winners ? 'outvoted' : winners > 1 ? 'contested' : 'in force';
      const { hash, body } = rotation;
      placed.push({ hash, version: body.version, votes: votes(head, rotation), place });
    });
    if (first && winners === 1) {
      links.push(keySetOf(first));
      continue;
    }
    const rotations = placed.sort((a, b) => a.version - b.version || compareTexts(a.hash, b.hash));
    return { links, fork: first && forkOf(head, equal.map(keySetOf)), rotations };
  }
}

function forkOf({ hash: parent, version }: KeySet, children: readonly KeySet[]): Fork {
  const [first, ...others] = children;
  return {
    parent,
    version,
    children: children.map(({ hash }) => hash).sort(),
    // The first in rank has the earliest date.
    since: first?.since,
    keptProofs: others.reduce(
      (kept, child) => kept.intersection(child.keptProofs),
      new Set(first?.keptProofs),
    ),
  };
}

function keySetOf({ hash, body }: Signed<Genesis> | Signed<KeyRotation>): KeySet {
  if ('systemKeys' in body) {
    const keys = new Set(body.systemKeys.map(toHex));
    const none = { since: undefined, keptProofs: new Set<Hex>(), keptRevocations: new Set<Hex>() };
    return { hash, version: 1, keys, threshold: body.threshold, ...none };
  }
  return {
    hash,
    version: body.version,
    since: body.createdAt,
    keys: new Set(body.keys.map(toHex)),
    threshold: body.threshold,
    keptProofs: new Set(body.keptProofs.map(toHex)),
    keptRevocations: new Set(body.keptRevocations.map(toHex)),
  };
}

/** Which of the keys signed, in ascending order. */
function votes({ keys }: Pick<KeySet, 'keys'>, { signers }: Pick<Signed<unknown>, 'signers'>): Hex[] {
  return [...signers].filter((key) => keys.has(key)).sort();
}

function meets(set: KeySet, signers: ReadonlySet<Hex>): boolean {
  return votes(set, { signers }).length >= set.threshold;
}

/** Most votes first, then the earliest, then the least hash: what comes first does not depend on what else is held. */
function ranking(parent: KeySet, children: readonly Signed<KeyRotation>[]): Signed<KeyRotation>[] {
  const weight = new Map(children.map((child) => [child, votes(parent, child).length]));
  return children.toSorted(
    (a, b) =>
      (weight.get(b) as number) - (weight.get(a) as number) ||
      compareTexts(a.body.createdAt, b.body.createdAt) ||
      compareTexts(a.hash, b.hash),
  );
}

/** Signed children of one document that are kept, the first in rank; more say nothing new. */
const MAX_EVIDENCE = 4;

/** What is stored of key rotations, by hash. */
export type Rotations = ReadonlyMap<Hex, Signed<KeyRotation>>;

/** What one more rotation leaves without a place: children of the same document behind it in rank, and all under them. */
function displacedBy(parent: KeySet, stored: Rotations, rotation: Signed<KeyRotation>): Hex[] {
  const siblings = [...stored.values()].filter(
    ({ hash, body }) => toHex(body.previous) === parent.hash && hash !== rotation.hash,
  );
  const gone = new Set(
    ranking(parent, [...siblings, rotation])
      .slice(MAX_EVIDENCE)
      .map(({ hash }) => hash),
  );
  for (const hash of gone) {
    for (const [child, { body }] of stored) if (toHex(body.previous) === hash) gone.add(child);
  }
  return [...gone];
}

/** Of two copies of one rotation, each with other signatures: whether the first is the one to keep. */
function outweighs(parent: KeySet, copy: Signed<KeyRotation>, kept: Signed<KeyRotation>): boolean {
  const [one, other] = [votes(parent, copy), votes(parent, kept)];
  return one.length > other.length || (one.length === other.length && one.join() < other.join());
}

/**
 * Throws unless the rotation may be stored: next to the keys in force, in the place of a copy with fewer signatures, or
 * beside a stored one as evidence of a fork.
 *
 * @param now what this node believes the time is, with the tolerance already added
 * @returns the stored ones that give way to it; undefined: it is held already, with as many signatures
 * @throws P2posError ROTATION_PREVIOUS_UNKNOWN, ROTATION_VERSION, ROTATION_DATE, ROTATION_SIGNATURE, ROTATION_OUTVOTED,
 * ROOT_FORKED
 */
export function judgeRotation(
  chain: RootChain,
  stored: Rotations,
  rotation: Signed<KeyRotation>,
  now: Timestamp,
): readonly Hex[] | undefined {
  const { hash, body, signers } = rotation;
  const previous = toHex(body.previous);
  const parent = chain.links.find((link) => link.hash === previous);
  if (!parent) {
    if (!stored.has(previous)) throw new P2posError('ROTATION_PREVIOUS_UNKNOWN', { previous });
    throw outOfForce(chain, previous);
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
  const copy = stored.get(hash);
  if (copy && !outweighs(parent, rotation, copy)) return undefined;
  const displaced = displacedBy(parent, stored, rotation);
  if (displaced.includes(hash)) throw outOfForce(chain, hash);
  return displaced;
}

/** Why a rotation that is rightly signed is not in force. */
export function outOfForce({ fork }: RootChain, hash: Hex): P2posError {
  if (fork) return new P2posError('ROOT_FORKED', { previous: fork.parent });
  return new P2posError('ROTATION_OUTVOTED', { hash });
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

/**
 * Whether the keys in force vouch for the revocation, or keys before them did and each rotation since keeps it: else whoever stole
 * retired keys could take out every node for good.
 */
export function isRevocationSigned({ links }: RootChain, { hash, signers }: Signed<unknown>): boolean {
  return links.some(
    (link, index) =>
      meets(link, signers) && links.slice(index + 1).every((later) => later.keptRevocations.has(hash)),
  );
}

/** What an admin proof says, with the keys that signed it. */
export type Proof = Signed<AdminProof>;

/** `issuedAt` of what it covers: from ≤ issuedAt ≤ until, and before `endedBy` where a rotation ended it. */
export interface ProofWindow {
  readonly from: Timestamp;
  readonly until: Timestamp;
  readonly endedBy: Timestamp | undefined;
  /** Place in the chain of the keys that vouch for it. */
  readonly link: number;
  /** Place of the rotation that ended it, or of the fork past the last one. */
  readonly endingLink: number | undefined;
}

/**
 * When the proof counts; undefined when no system keys in office at its `validFrom` signed it. A rotation ends every
 * older proof that it does not keep, at its own date; so do those of a fork, though none of them counts.
 */
export function proofWindow(
  { links, fork }: RootChain,
  { hash, body, signers }: Proof,
): ProofWindow | undefined {
  const endings: readonly Ending[] = fork ? [...links, fork] : links;
  let best: ProofWindow | undefined;
  for (const [index, link] of links.entries()) {
    if ((link.since ?? '') > body.validFrom || !meets(link, signers)) continue;
    const ending = endings.findIndex((later, at) => at > index && !later.keptProofs.has(hash));
    const endedBy = endings[ending]?.since;
    if (endedBy !== undefined && endedBy <= body.validFrom) continue;
    if (best?.endedBy === undefined && best) continue;
    if (!best || endedBy === undefined || endedBy > (best.endedBy as Timestamp)) {
      const endingLink = ending < 0 ? undefined : ending;
      best = { from: body.validFrom, until: body.validTo, endedBy, link: index, endingLink };
    }
  }
  return best;
}

export function isCovered(
  { from, until, endedBy }: Pick<ProofWindow, 'from' | 'until' | 'endedBy'>,
  at: Timestamp,
): boolean {
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
