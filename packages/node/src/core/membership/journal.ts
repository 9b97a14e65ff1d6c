/** The membership of one running node: takes documents one at a time, stores them, and puts in force what they mean. */
import {
  type Crypto,
  compareBytes,
  decodeDocument,
  genesisHashOf,
  isP2posError,
  P2posError,
  parseTimestamp,
  type SignedDocument,
  type Snapshot,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import type { Submission, View } from '@p2pos/protocol/membership';
import {
  type Accepted,
  added,
  createExaminer,
  createJudge,
  type Documents,
  type Held,
  headsOf,
  KINDS,
  listed,
  type Meaning,
  meaningOf,
  type ReplicasOf,
  verdictOf,
} from '@p2pos/protocol/membership';
import type { Clock } from '../clock/index.ts';
import { createEmitter } from '../events/index.ts';
import type { Identity } from '../identity/index.ts';
import type { Logger } from '../log/index.ts';
import type { PeerId } from '../net/index.ts';
import type { Store } from '../store/index.ts';
import { openArchive } from './archive.ts';
import { openAudit } from './audit.ts';
import { listDocuments } from './listing.ts';
import { loadDocuments } from './loading.ts';
import type { Judged, MembershipEvents, MembershipJournal, MembershipStatus, SubmitOptions } from './port.ts';

export interface MembershipDeps {
  readonly store: Store;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: Pick<Identity, 'peerId' | 'signer'>;
  /** Placement, to see which snapshots drop a majority of a slot. Default: no replicas, only the count of members. */
  readonly replicasOf?: ReplicasOf;
  /** Median of other members' clocks minus ours, ms. Default 0. */
  readonly clockOffsetMs?: () => number;
}

export interface MembershipConfig {
  /** From configuration or an invitation, never from the network. */
  readonly systemId: string;
  /** Where it lies in the home; otherwise it is taken from the store or from peers, since its hash proves it. */
  readonly genesisBytes?: Uint8Array | undefined;
  /** Hash (hex) of a snapshot that must be in force or before the one in force: from an invitation. */
  readonly anchor?: string | undefined;
}

/** Documents that wait, and their bytes; and how many of these strangers may hold, so that members are always judged. */
const QUEUE = { documents: 64, bytes: 16 * 1_048_576 };
const STRANGERS_QUEUE = { documents: QUEUE.documents / 4, bytes: QUEUE.bytes / 4 };
/** Snapshots kept decoded: the one in force, and the heads of branches while they are judged. */
const MAX_DECODED = 4;
/** They say that nothing was judged, so they are no verdict. */
const NOT_JUDGED = [
  'STORE_FULL',
  'STORE_FAILED',
  'STORE_CORRUPT',
  'CANCELLED',
  'TIMEOUT',
  'INTERNAL',
  'NODE_CLOSING',
];

/** @throws P2posError GENESIS_MISMATCH where `genesisBytes` is of another system; those of the store */
export async function openMembership(
  deps: MembershipDeps,
  config: MembershipConfig,
): Promise<MembershipJournal> {
  const { store, crypto, clock, identity } = deps;
  const { systemId, anchor } = config;
  const log = deps.log.child({ module: 'membership' });
  const genesisHash = genesisHashOf(systemId);
  const archive = await openArchive(store);
  const audit = await openAudit({ store, clock, crypto }, { genesisHash });
  const examiner = createExaminer(crypto);
  const events = createEmitter<MembershipEvents>((error) =>
    log.error({ action: 'membership_event', error }, 'a listener failed'),
  );
  const now = () => clock.now() + (deps.clockOffsetMs?.() ?? 0);

  const decoded = new Map<string, SignedDocument<Snapshot>>();
  let held: Held | undefined;
  let view: View = { epoch: 0, hash: genesisHash, members: new Map(), snapshot: undefined, bytes: undefined };
  let heads = headsOf(view, undefined, crypto);
  let queue: Promise<unknown> = Promise.resolve();
  const waiting = { documents: 0, bytes: 0 };
  const waitingOfStrangers = { documents: 0, bytes: 0 };
  let closed = false;

  function isActive(peerId: PeerId): boolean {
    const member = view.members.get(peerId);
    return (
      member !== undefined && (member.notAfter === undefined || now() <= parseTimestamp(member.notAfter))
    );
  }

  async function snapshotDocumentOf(hash: string): Promise<SignedDocument<Snapshot> | undefined> {
    const known = decoded.get(hash);
    if (known) return known;
    const carried = await archive.get(hash);
    if (!carried) return undefined;
    const document = decodeDocument(snapshotDocument, carried.bytes, crypto);
    keepDecoded(hash, document);
    return document;
  }

  function keepDecoded(hash: string, document: SignedDocument<Snapshot>): void {
    if (decoded.size >= MAX_DECODED) decoded.delete(decoded.keys().next().value as string);
    decoded.set(hash, document);
  }

  const judge = createJudge({
    systemId,
    crypto,
    examiner,
    identity,
    replicasOf: deps.replicasOf ?? (() => []),
    now,
    isActive,
    snapshotOf: async (hash) => (await snapshotDocumentOf(hash))?.body,
  });

  /** Puts in force what the documents mean now. */
  async function takeEffect(documents: Documents): Promise<void> {
    const meaning = meaningOf(documents, anchor);
    const current = await viewOf(meaning);
    const previous = view;
    reportAlerts(held?.meaning, meaning);
    held = { documents, meaning };
    view = current;
    heads = headsOf(view, held, crypto);
    const removed = [...previous.members.keys()].filter((peerId) => !current.members.has(peerId));
    const sameMembers = removed.length === 0 && previous.members.size === current.members.size;
    if (sameMembers && compareBytes(previous.hash, current.hash) === 0) return;
    if (current.epoch < previous.epoch) {
      log.warn(
        { action: 'membership_fallback', from_epoch: previous.epoch, epoch: current.epoch },
        'fell back to an earlier snapshot after a revocation or to a greater branch',
      );
    }
    events.emit('membership:changed', { previous, current, removed });
  }

  async function viewOf({ chain, refused }: Meaning): Promise<View> {
    const head = chain.at(-1);
    const document = head && (await snapshotDocumentOf(head.hash));
    if (!head || !document) {
      return { epoch: 0, hash: genesisHash, members: new Map(), snapshot: undefined, bytes: undefined };
    }
    const { body, bytes, hash } = document;
    const members = body.members.filter(({ peerId }) => !refused.has(peerId));
    return {
      epoch: body.epoch,
      hash,
      members: new Map(members.map((member) => [member.peerId, member])),
      snapshot: body,
      bytes,
    };
  }

  function reportAlerts(before: Meaning | undefined, { roots, conflicts }: Meaning): void {
    if (roots.fork && !before?.roots.fork) {
      log.error(
        { action: 'root_forked', parent: roots.fork.parent, children: roots.fork.children },
        'as many keys signed one key rotation as another: changes of the root are halted until the key holders settle it',
      );
    }
    for (const { hash, version, place } of roots.rotations) {
      if (place !== 'outvoted' || before?.roots.rotations.some((known) => known.hash === hash)) continue;
      log.error(
        { action: 'rotation_outvoted', hash, version },
        'system keys signed another rotation than the one in force: some of them are in the hands of others',
      );
    }
    for (const { loser, parent, refused } of conflicts) {
      if (before?.conflicts.some((known) => known.loser === loser)) continue;
      log.warn(
        { action: 'membership_conflict', parent, loser, refused: refused.length },
        'two snapshots follow one; issue one that lists both under merges',
      );
    }
  }

  /** On disk first, then in force. */
  async function keep(accepted: Accepted, from: string): Promise<Judged> {
    const { carried, issuer } = accepted;
    const { kind, hash, epoch } = carried;
    const entry = audit.accepted({
      document: kind,
      hash,
      epoch,
      from,
      ...(issuer !== undefined && { issuer }),
    });
    const displaced = accepted.kind === 'rotation' ? accepted.displaced.map(archive.removal) : [];
    await store.write([...displaced, archive.insertion(carried), ...entry.statements]);
    entry.confirm();
    if (accepted.kind === 'snapshot') keepDecoded(hash, accepted.document);
    await takeEffect(added(held?.documents, accepted));
    const verdict = verdictOf(accepted, held as unknown as Held);
    events.emit('document:accepted', { ...carried, from });
    return { ...verdict, kept: carried };
  }

  async function take(submission: Submission, signal: AbortSignal | undefined): Promise<Judged> {
    signal?.throwIfAborted();
    if (closed) throw new P2posError('NODE_CLOSING');
    const { kind, from } = submission;
    let accepted: Accepted | undefined;
    try {
      accepted = await judge(submission, held);
    } catch (error) {
      if (!isP2posError(error) || NOT_JUDGED.includes(error.code)) throw error;
      const { length } = submission.bytes;
      const hash =
        length <= KINDS[kind].maxDocumentBytes ? toHex(crypto.sha256(submission.bytes)) : undefined;
      await audit.refused({ document: kind, code: error.code, from, ...(hash !== undefined && { hash }) });
      return { result: 'refused', error };
    }
    return accepted ? keep(accepted, from) : { result: 'stale' };
  }

  async function submit(
    submission: Submission,
    { signal, byStranger = false }: SubmitOptions = {},
  ): Promise<Judged> {
    const { length } = submission.bytes;
    const maxBytes = KINDS[submission.kind].maxDocumentBytes;
    if (length > maxBytes)
      return { result: 'refused', error: new P2posError('BODY_TOO_LARGE', { maxBytes }) };
    const shares = byStranger ? [waiting, waitingOfStrangers] : [waiting];
    if (
      !hasRoom(waiting, QUEUE, length) ||
      (byStranger && !hasRoom(waitingOfStrangers, STRANGERS_QUEUE, length))
    )
      throw new P2posError('OVERLOADED', { what: 'membership' });
    for (const share of shares) {
      share.documents++;
      share.bytes += length;
    }
    const turn = queue.then(() => take(submission, signal));
    queue = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      for (const share of shares) {
        share.documents--;
        share.bytes -= length;
      }
    }
  }

  function status(): MembershipStatus {
    const proof = held?.meaning.chain.at(-1)?.proof.body;
    return {
      founded: held !== undefined,
      conflicts: held?.meaning.conflicts ?? [],
      fork: held?.meaning.roots.fork,
      root: held && rootOf(held),
      proof: proof && { serial: proof.serial, adminPeerId: proof.adminPeerId, validTo: proof.validTo },
    };
  }

  const broken = await audit.verify();
  if (broken !== undefined) {
    log.error(
      { action: 'audit_verify', seq: broken },
      'the audit log of membership was changed at this entry',
    );
  }
  const stored = await loadDocuments({ archive, examiner, crypto, log }, systemId);
  if (stored) await takeEffect(stored);
  if (config.genesisBytes) {
    const verdict = await submit({ kind: 'genesis', bytes: config.genesisBytes, from: 'home' });
    if (verdict.result === 'refused') throw verdict.error;
  }

  return {
    systemId,
    get slots() {
      return held?.documents.genesis.body.slots ?? 0;
    },
    events,
    view: () => view,
    isActive,
    heads: () => heads,
    submit,
    documents: (query) => listDocuments(query, held, archive),
    holds: (hash) => held?.documents.snapshots.get(hash) !== undefined,
    snapshot: async (hash) => held?.documents.snapshots.get(hash) && (await snapshotDocumentOf(hash))?.body,
    auditEntries: (after, limit) => audit.entries(after, limit),
    status,
    async [Symbol.asyncDispose]() {
      closed = true;
      await queue;
    },
  };
}

function hasRoom(waiting: typeof QUEUE, limit: typeof QUEUE, length: number): boolean {
  return waiting.documents < limit.documents && waiting.bytes + length <= limit.bytes;
}

function rootOf(held: Held): MembershipStatus['root'] {
  const { documents, meaning } = held;
  const { name, releaseKeys, releaseThreshold } = documents.genesis.body;
  const head = meaning.roots.links.at(-1);
  return {
    name,
    keysVersion: head?.version ?? 1,
    keys: [...(head?.keys ?? [])],
    threshold: head?.threshold ?? 0,
    releaseKeys,
    releaseThreshold,
    revocations: listed('revocations', held).length,
  };
}
