/** Brings this node up to what a peer holds: rotations and revocations first, since they decide what snapshots mean. */
import type { PeerId, Rpc, RpcLog } from '../rpc/index.ts';
import type { DocumentList, Heads, Submission, Verdict, View } from './carried.ts';
import { MEMBERSHIP } from './wire.ts';

export interface Puller {
  /** Whether a peer with these heads holds something that this node does not. */
  lacks(heads: Heads): boolean;
  /** One at a time per peer; another call for the same peer waits for the first and asks no more. */
  pull(peerId: PeerId, signal: AbortSignal): Promise<void>;
}

/** Where what is pulled goes. */
export interface PulledInto {
  status(): { readonly founded: boolean };
  view(): Pick<View, 'epoch'>;
  heads(): Heads;
  /** Whether the snapshot is held, in force or not. */
  holds(snapshotHash: string): boolean;
  submit(submission: Submission, options: { readonly signal: AbortSignal }): Promise<Verdict>;
}

interface PullerDeps {
  readonly membership: PulledInto;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly log: RpcLog;
}

const TIMEOUT_MS = 10_000;
/** How many epochs a node first goes back when a snapshot does not fit what it holds; then to the beginning. */
const STEP_BACK = 16;
/** A peer that always has one more page is not believed for ever. */
const MAX_PAGES = 10_000;

export function createPuller({ membership, rpc, log }: PullerDeps): Puller {
  const running = new Map<PeerId, Promise<void>>();

  function lacks(heads: Heads): boolean {
    const own = membership.heads();
    if (heads.revocations !== own.revocations || heads.keys !== own.keys) return true;
    return heads.epoch > 0 && !membership.holds(heads.snapshot);
  }

  /** Whether all fitted what was held. */
  async function take(
    peerId: PeerId,
    list: DocumentList,
    afterEpoch: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    let after = { epoch: afterEpoch, hash: '' };
    for (let page = 0; page < MAX_PAGES; page++) {
      const { documents, more } = await rpc.call(
        peerId,
        MEMBERSHIP,
        'documents',
        { list, after },
        { timeoutMs: TIMEOUT_MS, signal },
      );
      for (const document of documents) {
        const { kind, bytes, countersignature } = document;
        const verdict = await membership.submit({ kind, bytes, countersignature, from: peerId }, { signal });
        if (verdict.result !== 'refused') continue;
        const { code } = verdict.error;
        if (code === 'SNAPSHOT_PREVIOUS_UNKNOWN') return false;
        log.warn(
          { action: 'pull_refused', peer: peerId, kind, code },
          'a peer handed over a document that does not count',
        );
      }
      const last = documents.at(-1);
      if (!more || !last) return true;
      // A page that does not go on would be asked for ever.
      if (last.epoch < after.epoch || (last.epoch === after.epoch && last.hash <= after.hash)) return true;
      after = { epoch: last.epoch, hash: last.hash };
    }
    return true;
  }

  async function pullOnce(peerId: PeerId, signal: AbortSignal): Promise<void> {
    const heads = await rpc.call(peerId, MEMBERSHIP, 'heads', {}, { timeoutMs: TIMEOUT_MS, signal });
    if (!lacks(heads)) return;
    if (!membership.status().founded) await take(peerId, 'genesis', 0, signal);
    const own = membership.heads();
    if (heads.keys !== own.keys) await take(peerId, 'rotations', 0, signal);
    if (heads.revocations !== own.revocations) await take(peerId, 'revocations', 0, signal);
    // A branch that wins may be the shorter one.
    const latest = Math.min(membership.view().epoch, heads.epoch);
    for (const start of new Set([latest, Math.max(0, latest - STEP_BACK), 0])) {
      if (await take(peerId, 'snapshots', start, signal)) break;
    }
    if (heads.revocations !== membership.heads().revocations) await take(peerId, 'branches', 0, signal);
  }

  return {
    lacks,
    pull(peerId, signal) {
      const known = running.get(peerId);
      if (known) return known;
      const pull = pullOnce(peerId, signal).finally(() => running.delete(peerId));
      running.set(peerId, pull);
      return pull;
    },
  };
}
