/** What a set of documents means: the pure function from everything a node holds to what is in force on it. */
import {
  type Genesis,
  type Hex,
  isCovered,
  type KeyRotation,
  type Proof,
  type ProofWindow,
  proofWindow,
  type Revocation,
  type Revoked,
  type RootChain,
  revoked,
  rootChain,
  type Signed,
} from '../index.ts';
import type { PeerId } from '../rpc/index.ts';
import {
  type Conflict,
  conflicts,
  losingSnapshots,
  type SnapshotNode,
  type SnapshotTree,
  winningChain,
} from './branches.ts';

export interface HeldSnapshot extends SnapshotNode {
  readonly proof: Proof;
}

/** Everything a node holds, by hash; what it means depends on nothing else. Only grows, but for the evidence of forks. */
export interface Documents {
  readonly genesis: Signed<Genesis>;
  readonly rotations: Map<Hex, Signed<KeyRotation>>;
  readonly revocations: Map<Hex, Signed<Revocation>>;
  readonly snapshots: SnapshotTree<HeldSnapshot>;
}

/**
 * `good` may be in force; `void` never will be with these documents; `waiting` depends on a last good snapshot that
 * a revocation names and that is not held yet, or on one under newer keys that would have to follow it.
 */
export type Standing = 'good' | 'void' | 'waiting';

export interface Meaning {
  readonly roots: RootChain;
  readonly revoked: Revoked;
  /** First to last; the last is in force. */
  readonly chain: readonly HeldSnapshot[];
  readonly losers: readonly HeldSnapshot[];
  readonly conflicts: readonly Conflict[];
  /** Not members whatever the snapshot says: revoked, or removed by a branch that lost. */
  readonly refused: ReadonlySet<PeerId>;
  standing(snapshot: HeldSnapshot): Standing;
}

export function meaningOf(documents: Documents, anchor?: Hex): Meaning {
  const { genesis, rotations, revocations, snapshots } = documents;
  const roots = rootChain(genesis, rotations.values());
  const taken = revoked(roots, revocations.values());
  const standing = standingIn(roots, taken, snapshots);
  const isGood = (node: HeldSnapshot) => standing(node) === 'good';

  const held = anchor === undefined ? undefined : snapshots.get(anchor);
  const ignored = held !== undefined && standing(held) === 'void';
  const chain = winningChain(snapshots, { isGood, anchor: ignored ? undefined : anchor });
  const open = conflicts(snapshots, chain, isGood);
  return {
    roots,
    revoked: taken,
    chain,
    losers: losingSnapshots(snapshots, chain, isGood),
    conflicts: open,
    refused: new Set([...taken.peers, ...open.flatMap((conflict) => conflict.refused)]),
    standing,
  };
}

/**
 * A last good snapshot that is itself not good leaves nothing of the admin for whom it was named: nodes do not pass on what is
 * void, so who never held it could not tell what stood before it, and would disagree for ever with those that did. Which ones
 * are good may depend on each other; what is found not to be is taken back until all the others hold together.
 */
function standingIn(roots: RootChain, taken: Revoked, snapshots: SnapshotTree<HeldSnapshot>) {
  const named = new Set([...taken.serials.values()].flatMap((hashes) => [...hashes]));
  const fallen = new Map<Hex, Standing>();
  for (;;) {
    const own = ownStanding(roots, taken, snapshots, fallen);
    const standings = new Map<Hex, Standing>();
    const standing = (node: HeldSnapshot) =>
      standings.get(node.hash) ?? worse(standings.get(node.previous) ?? 'good', own(node));
    // A parent is always stored before its children.
    for (const node of snapshots.nodes()) standings.set(node.hash, standing(node));
    setBackOutgrown(roots, snapshots, standings);
    let changed = false;
    for (const hash of named) {
      const found = (hash !== undefined && standings.get(hash)) || 'good';
      if (hash === undefined || found === 'good' || fallen.get(hash) === found) continue;
      fallen.set(hash, found);
      changed = true;
    }
    if (!changed) return standing;
  }
}

/**
 * What a rotation ended is dated as its thieves please. So once there is a good snapshot under the newer keys, those under proofs that
 * the rotation ended count only where they stand before one; the others wait for one that follows them. From the newest
 * rotation back, for what is set back has none of the newer keys behind it.
 */
function setBackOutgrown(
  roots: RootChain,
  snapshots: SnapshotTree<HeldSnapshot>,
  standings: Map<Hex, Standing>,
) {
  const windows = new Map<Proof, ProofWindow | undefined>();
  const windowOf = ({ proof }: HeldSnapshot) => {
    if (!windows.has(proof)) windows.set(proof, proofWindow(roots, proof));
    return windows.get(proof);
  };
  for (let link = roots.links.length - 1; link > 0; link--) {
    const settled = new Set<Hex>();
    for (const node of snapshots.nodes()) {
      if (standings.get(node.hash) !== 'good' || (windowOf(node)?.link ?? 0) < link) continue;
      for (const { hash } of snapshots.path(node.hash)) {
        if (settled.has(hash)) break;
        settled.add(hash);
      }
    }
    if (settled.size === 0) continue;
    for (const node of snapshots.nodes()) {
      const isOutgrown = windowOf(node)?.endingLink === link && !settled.has(node.hash);
      const own = worse(standings.get(node.hash) ?? 'good', isOutgrown ? 'waiting' : 'good');
      standings.set(node.hash, worse(standings.get(node.previous) ?? 'good', own));
    }
  }
}

/** By its own proof alone, whatever stands before it. */
function ownStanding(
  roots: RootChain,
  { serials }: Revoked,
  snapshots: SnapshotTree<HeldSnapshot>,
  fallen: ReadonlyMap<Hex, Standing>,
) {
  const known = new Map<Hex, ReadonlySet<Hex>>();
  const upTo = (lastGood: Hex) => {
    const path = known.get(lastGood) ?? new Set([...snapshots.path(lastGood)].map(({ hash }) => hash));
    known.set(lastGood, path);
    return path;
  };
  return ({ hash, issuedAt, proof }: HeldSnapshot): Standing => {
    const window = proofWindow(roots, proof);
    if (!window || !isCovered(window, issuedAt)) return 'void';
    let standing: Standing = 'good';
    for (const lastGood of serials.get(proof.body.serial) ?? []) {
      if (lastGood === undefined) return 'void';
      const path = upTo(lastGood);
      if (path.has(hash)) standing = worse(standing, fallen.get(lastGood) ?? 'good');
      else standing = worse(standing, path.size === 0 ? 'waiting' : 'void');
    }
    return standing;
  };
}

function worse(a: Standing, b: Standing): Standing {
  if (a === 'void' || b === 'void') return 'void';
  return a === 'waiting' || b === 'waiting' ? 'waiting' : 'good';
}
