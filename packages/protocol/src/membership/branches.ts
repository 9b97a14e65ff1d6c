/**
 * The tree of snapshots that a node holds, and which path through it is in force. Pure: the same set of snapshots
 * gives the same answer on every node, whatever the order in which they came.
 */
import { compareTexts } from '../encoding/texts.ts';
import type { Hex, Timestamp } from '../index.ts';
import type { PeerId } from '../rpc/index.ts';

/** What is remembered of each stored snapshot; its bytes stay on disk. */
export interface SnapshotNode {
  readonly hash: Hex;
  readonly epoch: number;
  readonly previous: Hex;
  readonly issuedAt: Timestamp;
  readonly added: readonly PeerId[];
  readonly removed: readonly PeerId[];
  readonly merges: readonly Hex[];
}

export class SnapshotTree<N extends SnapshotNode = SnapshotNode> {
  readonly root: Hex;
  readonly #nodes = new Map<Hex, N>();
  readonly #children = new Map<Hex, N[]>();

  /** @param root hash of the genesis, the parent of every first snapshot */
  constructor(root: Hex) {
    this.root = root;
  }

  add(node: N): void {
    if (this.#nodes.has(node.hash)) return;
    this.#nodes.set(node.hash, node);
    const siblings = this.#children.get(node.previous);
    if (siblings) siblings.push(node);
    else this.#children.set(node.previous, [node]);
  }

  get(hash: Hex): N | undefined {
    return this.#nodes.get(hash);
  }

  children(hash: Hex): readonly N[] {
    return this.#children.get(hash) ?? [];
  }

  nodes(): Iterable<N> {
    return this.#nodes.values();
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** The snapshot and those before it, latest first; empty when it is not held. */
  *path(hash: Hex): Iterable<N> {
    for (let node = this.get(hash); node; node = this.get(node.previous)) yield node;
  }

  /** Whether `hash` is `descendant` or comes before it on its path. */
  precedes(hash: Hex, descendant: Hex): boolean {
    const epoch = this.get(hash)?.epoch ?? Number.POSITIVE_INFINITY;
    for (const node of this.path(descendant)) {
      if (node.hash === hash) return true;
      if (node.epoch <= epoch) return false;
    }
    return false;
  }
}

/** Greater (issuedAt, hash) first. Both texts are of fixed form, so text order is their order. */
export function byPrecedence(a: SnapshotNode, b: SnapshotNode): number {
  return compareTexts(b.issuedAt, a.issuedAt) || compareTexts(b.hash, a.hash);
}

export function byEpoch(a: SnapshotNode, b: SnapshotNode): number {
  return a.epoch - b.epoch || compareTexts(a.hash, b.hash);
}

export interface BranchRules<N> {
  /** Neither void nor waiting for what would decide it. */
  readonly isGood: (node: N) => boolean;
  /** The path must lead through this snapshot (from an invitation); ignored once it is known to be void. */
  readonly anchor?: Hex | undefined;
}

/**
 * The snapshots in force, first to last. At each parent the child with the greater (issuedAt, hash) wins whatever
 * follows it. First snapshots need no member's countersignature, so among those one that was built on comes first:
 * else whoever holds an old admin key could found the system anew.
 */
export function winningChain<N extends SnapshotNode>(tree: SnapshotTree<N>, rules: BranchRules<N>): N[] {
  const { isGood, anchor } = rules;
  const chain: N[] = [];
  if (anchor !== undefined) {
    const held = tree.get(anchor);
    if (!held) return [];
    if (isGood(held)) chain.push(...[...tree.path(anchor)].reverse());
  }
  for (;;) {
    const parent = chain.at(-1)?.hash ?? tree.root;
    let candidates = tree.children(parent).filter(isGood);
    if (parent === tree.root) {
      const builtOn = candidates.filter(({ hash }) => tree.children(hash).some(isGood));
      if (builtOn.length > 0) candidates = builtOn;
    }
    const winner = candidates.toSorted(byPrecedence)[0];
    if (!winner) return chain;
    chain.push(winner);
  }
}

/** Good snapshots beside the chain, from its founding on: what they removed still counts. By epoch, then hash. */
export function losingSnapshots<N extends SnapshotNode>(
  tree: SnapshotTree<N>,
  chain: readonly N[],
  isGood: (node: N) => boolean,
): N[] {
  const inForce = new Set(chain.map(({ hash }) => hash));
  const losers: N[] = [];
  const open: N[] = [...chain];
  for (let parent = open.pop(); parent; parent = open.pop()) {
    for (const child of tree.children(parent.hash)) {
      if (inForce.has(child.hash) || !isGood(child)) continue;
      losers.push(child);
      open.push(child);
    }
  }
  return losers.sort(byEpoch);
}

/** A branch that lost and that no snapshot in force has merged. */
export interface Conflict {
  /** Where the branches part. */
  readonly parent: Hex;
  /** The last snapshot of the losing branch. */
  readonly loser: Hex;
  readonly epoch: number;
  /** Removed there: refused, whatever the chain lists, until a snapshot of the chain merges that branch. */
  readonly refused: readonly PeerId[];
}

/**
 * A snapshot in force merges a branch by naming in `merges` a snapshot of it: it has then seen all that was removed up
 * to there, and whom it or a later one lists is a member. What the chain in force itself removes and adds again stands.
 */
export function conflicts<N extends SnapshotNode>(
  tree: SnapshotTree<N>,
  chain: readonly N[],
  isGood: (node: N) => boolean,
): Conflict[] {
  const found: Conflict[] = [];
  const losers = losingSnapshots(tree, chain, isGood);
  if (losers.length === 0) return found;
  const merged = new Set<Hex>();
  for (const named of chain.flatMap(({ merges }) => merges)) {
    const end = tree.get(named);
    if (!end || !isGood(end)) continue;
    for (const { hash } of branchOf(tree, chain, end)) merged.add(hash);
  }
  for (const tip of losers) {
    if (merged.has(tip.hash) || tree.children(tip.hash).some(isGood)) continue;
    const branch = branchOf(tree, chain, tip);
    const refused = [...removals(branch)]
      .filter(([, removing]) => !merged.has(removing.hash))
      .map(([peerId]) => peerId)
      .sort();
    const parent = (branch[0] as N).previous;
    found.push({ parent, loser: tip.hash, epoch: tip.epoch, refused });
  }
  return found;
}

/** From the snapshot after the parting to `tip`. */
function branchOf<N extends SnapshotNode>(tree: SnapshotTree<N>, chain: readonly N[], tip: N): N[] {
  const branch: N[] = [];
  for (const node of tree.path(tip.hash)) {
    if (chain[node.epoch - 1]?.hash === node.hash) break;
    branch.unshift(node);
  }
  return branch;
}

/** Who is out at the end of the branch, with the snapshot that removed them. */
function removals<N extends SnapshotNode>(branch: readonly N[]): Map<PeerId, N> {
  const out = new Map<PeerId, N>();
  for (const node of branch) {
    for (const peerId of node.removed) out.set(peerId, node);
    for (const peerId of node.added) out.delete(peerId);
  }
  return out;
}
