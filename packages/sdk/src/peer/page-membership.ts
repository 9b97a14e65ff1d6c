/**
 * The membership as a page judges it: every document is verified here, from the system id up (genesis, rotations, revocations,
 * the chain of snapshots with the admin's proof and a member's countersignature on each), by the same rules as on a node.
 * In memory; a page that is opened again starts from the beginning.
 */
import {
  type Clock,
  type Crypto,
  decodeDocument,
  genesisHashOf,
  isP2posError,
  P2posError,
  parseTimestamp,
  type Snapshot,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import {
  added,
  type CarriedDocument,
  createExaminer,
  createJudge,
  type DocumentList,
  type Heads,
  type Held,
  headsOf,
  listed,
  meaningOf,
  type PulledInto,
  type Submission,
  type Verdict,
  type View,
  verdictOf,
} from '@p2pos/protocol/membership';
import type { PeerId } from '@p2pos/protocol/rpc';

export interface PageMembership extends PulledInto {
  readonly systemId: string;
  view(): View;
  status(): { readonly founded: boolean; readonly held: Held | undefined };
  /** Listed, not revoked, `notAfter` not passed. */
  isActive(peerId: PeerId): boolean;
  /** The documents that count, as received, oldest first. */
  documents(list: DocumentList): CarriedDocument[];
}

/** Of all documents together; far beyond what honest systems have. */
const MAX_BYTES = 64 * 1_048_576;
/** Snapshots kept decoded. */
const MAX_DECODED = 4;

export function createPageMembership(
  { crypto, clock }: { readonly crypto: Crypto; readonly clock: Pick<Clock, 'now'> },
  {
    systemId,
    anchor,
    onChange,
  }: { readonly systemId: string; readonly anchor?: string | undefined; readonly onChange: () => void },
): PageMembership {
  const genesisHash = genesisHashOf(systemId);
  const kept = new Map<string, CarriedDocument>();
  const decoded = new Map<string, Snapshot>();
  const none: View = {
    epoch: 0,
    hash: genesisHash,
    members: new Map(),
    snapshot: undefined,
    bytes: undefined,
  };
  let held: Held | undefined;
  let view = none;
  let heads = headsOf(view, undefined, crypto);
  let bytesKept = 0;
  let queue: Promise<unknown> = Promise.resolve();

  const isActive = (peerId: PeerId) => {
    const member = view.members.get(peerId);
    return member !== undefined && !(member.notAfter && clock.now() > parseTimestamp(member.notAfter));
  };

  function snapshotOf(hash: string): Snapshot | undefined {
    const known = decoded.get(hash);
    const carried = kept.get(hash);
    if (known || !carried) return known;
    const { body } = decodeDocument(snapshotDocument, carried.bytes, crypto);
    remember(hash, body);
    return body;
  }

  function remember(hash: string, body: Snapshot): void {
    if (decoded.size >= MAX_DECODED) decoded.delete(decoded.keys().next().value as string);
    decoded.set(hash, body);
  }

  const judge = createJudge({
    systemId,
    crypto,
    examiner: createExaminer(crypto),
    // Which removals lose data, the member that countersigned has judged; a page places no records.
    replicasOf: () => [],
    now: () => clock.now(),
    isActive,
    snapshotOf: async (hash) => snapshotOf(hash),
  });

  function viewOf({ meaning: { chain, refused } }: Held): View {
    const head = chain.at(-1);
    const snapshot = head && snapshotOf(head.hash);
    const carried = head && kept.get(head.hash);
    if (!snapshot || !carried) return none;
    const members = snapshot.members.filter(({ peerId }) => !refused.has(peerId));
    return {
      epoch: snapshot.epoch,
      hash: chainHash(carried),
      members: new Map(members.map((member) => [member.peerId, member])),
      snapshot,
      bytes: carried.bytes,
    };
  }

  const chainHash = ({ bytes }: CarriedDocument) => decodeDocument(snapshotDocument, bytes, crypto).hash;

  async function take(submission: Submission): Promise<Verdict> {
    try {
      const accepted = await judge(submission, held);
      if (!accepted) return { result: 'stale' };
      const { carried } = accepted;
      const gone = accepted.kind === 'rotation' ? [carried.hash, ...accepted.displaced] : [];
      for (const hash of gone) {
        bytesKept -= kept.get(hash)?.bytes.length ?? 0;
        kept.delete(hash);
      }
      if (bytesKept + carried.bytes.length > MAX_BYTES)
        throw new P2posError('OVERLOADED', { what: 'The membership in this page' });
      kept.set(carried.hash, carried);
      bytesKept += carried.bytes.length;
      if (accepted.kind === 'snapshot') remember(carried.hash, accepted.document.body);
      const documents = added(held?.documents, accepted);
      held = { documents, meaning: meaningOf(documents, anchor) };
      const before = toHex(view.hash);
      const count = view.members.size;
      view = viewOf(held);
      heads = headsOf(view, held, crypto);
      if (toHex(view.hash) !== before || view.members.size !== count) onChange();
      return verdictOf(accepted, held);
    } catch (error) {
      if (isP2posError(error)) return { result: 'refused', error };
      throw error;
    }
  }

  return {
    systemId,
    view: () => view,
    heads: (): Heads => heads,
    holds: (hash) => held?.documents.snapshots.get(hash) !== undefined,
    status: () => ({ founded: held !== undefined, held }),
    isActive,
    documents: (list) => listed(list, held).flatMap(({ hash }) => kept.get(hash) ?? []),
    async submit(submission, { signal }) {
      const turn = queue.then(() => {
        signal.throwIfAborted();
        return take(submission);
      });
      queue = turn.catch(() => {});
      return turn;
    },
  };
}
