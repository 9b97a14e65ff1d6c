/** Carries documents between nodes: serves them, passes on what is new, and asks when this node is behind. */
import { copiesWanted, P2posError } from '@p2pos/protocol';
import {
  createPuller,
  MEMBERSHIP,
  MEMBERSHIP_PUSH,
  PAGE_BYTES,
  PAGE_DOCUMENTS,
} from '@p2pos/protocol/membership';
import { createAllowance } from '../../core/allowance/index.ts';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type {
  CarriedDocument,
  DocumentName,
  Heads,
  MembershipJournal,
  Submission,
  SubmitOptions,
  Verdict,
} from '../../core/membership/index.ts';
import type { Net, PeerId } from '../../core/net/index.ts';
import { type Random, shuffle } from '../../core/random/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';

export interface MembersDeps {
  readonly membership: MembershipJournal;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly net: Pick<Net, 'peerId' | 'events' | 'connections' | 'isConnected' | 'hangUp'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told of each document that no honest peer hands over. Default: nobody is. */
  readonly onFault?: (peerId: PeerId) => void;
}

export interface MembersConfig {
  /** Between two looks whether a random peer knows more. Default 10 s. */
  readonly intervalMs?: number;
}

/** What became of a document that its makers handed to this node. */
export interface Pushed {
  readonly result: 'applied' | 'stale';
  /** Members that are known to stand where this node stands, on their disks; this node with them. */
  readonly held: number;
  /** Members of the snapshot in force. */
  readonly members: number;
}

/** What one member says of a document, and what is in force there. */
export interface MemberWord {
  readonly result: 'applied' | 'stale' | 'refused';
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
  readonly epoch: number;
  /** Of the snapshot in force, lower-case hex. */
  readonly hash: string;
}

export interface Members extends AsyncDisposable {
  /** A peer said what it holds; this node asks it for what it lacks. */
  noticeHeads(peerId: PeerId, heads: Heads): void;
  /** Asks the peer what it holds and takes what is new. */
  noticeStale(peerId: PeerId): void;
  /**
   * A document from its makers, first-hand. Answers when `copiesWanted` members hold it, all that are connected have
   * answered, or 2 s have passed, whichever is first.
   *
   * @throws P2posError with the code of the refusal
   */
  push(
    bytes: Uint8Array,
    options: { readonly kind?: Exclude<DocumentName, 'genesis'>; readonly signal: AbortSignal },
  ): Promise<Pushed>;
  /** Hands a document to one member. @throws P2posError of the call where it gives no answer */
  offer(
    peerId: PeerId,
    document: { readonly kind: Exclude<DocumentName, 'genesis'>; readonly bytes: Uint8Array },
    options: { readonly signal: AbortSignal },
  ): Promise<MemberWord>;
}

/** So much of a document costs as much as a call. */
const BYTES_PER_CALL = 32_768;
/** Refusals that say that the document was made up. */
const MADE_UP = /^DOCUMENT_MALFORMED$|_SIGNATURE$/;

const STRANGERS = 'strangers';
const STRANGERS_PUSHING = 'strangers pushing';

const PUSH_TIMEOUT_MS = 10_000;
/** So long who pushed a document waits for other members to hold it. */
const SPREAD_MS = 2_000;
/** For the audit log: whose makers handed it to this node. */
const FIRST_HAND = 'http';
/** What a removed member gets before its connections close. */
const FAREWELL_TIMEOUT_MS = 1_000;
/** A joiner asks this many peers, or all there are. */
const WITNESSES = 3;

export function createMembers(deps: MembersDeps, { intervalMs = 10_000 }: MembersConfig = {}): Members {
  const { membership, rpc, net, clock, random, onFault = () => {} } = deps;
  const log = deps.log.child({ module: 'members' });
  const tasks = createTaskGroup({ clock, random, log });
  const puller = createPuller({ membership: { ...pulledInto(membership), submit: judge }, rpc, log });
  const self = net.peerId;
  /**
   * Members each have their own share; strangers have one among all of them, so names they choose win nothing (T26), and
   * another for what they push, so that it does not keep those from asking who want to join.
   */
  const allowance = createAllowance(clock, { burst: () => 200, perSecond: () => 50 });
  const isListed = (peerId: PeerId) => membership.view().members.has(peerId);
  const connected = () => [...new Set(net.connections().map(({ peerId }) => peerId))];

  function charge(peerId: PeerId, pushedBytes?: number): void {
    const strangers = pushedBytes === undefined ? STRANGERS : STRANGERS_PUSHING;
    const cost = 1 + Math.ceil((pushedBytes ?? 0) / BYTES_PER_CALL);
    if (allowance.take(isListed(peerId) ? peerId : strangers, cost)) return;
    throw new P2posError('OVERLOADED', { what: 'The membership of this node' });
  }

  /** What a peer handed over. */
  async function judge(submission: Submission, options: SubmitOptions): Promise<Verdict> {
    const verdict = await membership.submit(submission, options);
    if (verdict.result === 'refused' && MADE_UP.test(verdict.error.code)) onFault(submission.from);
    return verdict;
  }

  function report(verdict: Verdict, from: string): void {
    const { epoch } = membership.view();
    const result = verdict.result;
    const refused = result === 'refused' ? { code: verdict.error.code } : {};
    log.info({ action: 'apply_snapshot_push', result, ...refused, epoch, from }, 'membership push judged');
  }

  const served = [
    rpc.serve(MEMBERSHIP, {
      heads: async (_input, { peerId }) => {
        charge(peerId);
        return membership.heads();
      },
      documents: async (query, { peerId }) => {
        charge(peerId);
        const page = await membership.documents({
          ...query,
          maxDocuments: PAGE_DOCUMENTS,
          maxBytes: PAGE_BYTES,
        });
        return { documents: page.documents.map(withoutUndefined), more: page.more };
      },
    }),
    rpc.serve(MEMBERSHIP_PUSH, {
      push: async (input, { peerId, signal }) => {
        charge(peerId, input.bytes.length);
        const options = { signal, byStranger: !isListed(peerId) };
        let verdict = await judge({ ...input, from: peerId }, options);
        if (verdict.result === 'refused' && verdict.error.code === 'SNAPSHOT_PREVIOUS_UNKNOWN') {
          await puller.pull(peerId, signal);
          verdict = await judge({ ...input, from: peerId }, options);
        }
        report(verdict, peerId);
        if (verdict.result !== 'refused') return { result: verdict.result };
        const { code, message } = verdict.error;
        return { result: 'refused' as const, code, reason: message.slice(0, 1_024) };
      },
    }),
  ];

  /** Whether the peer holds it now. */
  async function send(peerId: PeerId, document: CarriedDocument, timeoutMs: number): Promise<boolean> {
    const { kind, bytes, countersignature } = document;
    const input = { kind, bytes, ...(countersignature && { countersignature }) };
    try {
      const options = { timeoutMs, signal: tasks.signal };
      const { result } = await rpc.call(peerId, MEMBERSHIP_PUSH, 'push', input, options);
      return result !== 'refused';
    } catch (error) {
      // Whoever missed it sees by the next heartbeat that it is behind, and asks.
      log.debug({ action: 'push_failed', peer: peerId, error }, 'a peer did not take a document');
      return false;
    }
  }

  async function standsHere(peerId: PeerId): Promise<boolean> {
    try {
      const options = { timeoutMs: SPREAD_MS, signal: tasks.signal };
      const theirs = await rpc.call(peerId, MEMBERSHIP, 'heads', {}, options);
      const { snapshot, revocations, keys } = membership.heads();
      return theirs.snapshot === snapshot && theirs.revocations === revocations && theirs.keys === keys;
    } catch (error) {
      log.debug({ action: 'heads_failed', peer: peerId, error }, 'a peer did not say what it holds');
      return false;
    }
  }

  /** Asks every connected member, and counts those of whom it is true until they are enough or the time is up. */
  async function count(isTrueOf: (peerId: PeerId) => Promise<boolean>): Promise<Omit<Pushed, 'result'>> {
    const { size } = membership.view().members;
    const others = connected().filter(isListed);
    let held = isListed(self) ? 1 : 0;
    let open = tasks.signal.aborted ? 0 : others.length;
    const done = Promise.withResolvers<void>();
    using _limit = clock.after(SPREAD_MS, done.resolve);
    const look = () => (open === 0 || held >= copiesWanted(size)) && done.resolve();
    for (const peerId of others) {
      tasks.run('push', async () => {
        if (await isTrueOf(peerId)) held++;
        open--;
        look();
      });
    }
    look();
    await done.promise;
    return { held, members: size };
  }

  /** From its makers. Handed on from here, not by the event, since they may wait for what becomes of it. */
  async function takeIn(kind: DocumentName, bytes: Uint8Array, signal: AbortSignal) {
    const { kept, ...verdict } = await membership.submit({ kind, bytes, from: FIRST_HAND }, { signal });
    report(verdict, FIRST_HAND);
    const spread = kept && count((peerId) => send(peerId, kept, PUSH_TIMEOUT_MS));
    return { verdict, spread };
  }

  /** Removed by what was accepted last; told of it next. */
  let farewells: PeerId[] = [];
  const subscriptions = [
    membership.events.on('membership:changed', ({ removed, current }) => {
      allowance.retain(
        (name) => name === STRANGERS || name === STRANGERS_PUSHING || current.members.has(name),
      );
      farewells = removed.filter((peerId) => peerId !== self && net.isConnected(peerId));
      log.info(
        {
          action: 'membership_changed',
          epoch: current.epoch,
          members: current.members.size,
          removed: removed.length,
        },
        'membership changed',
      );
    }),
    membership.events.on('document:accepted', (document) => {
      const leaving = farewells;
      farewells = [];
      for (const peerId of leaving) tasks.run('farewell', () => dismiss(peerId, document));
      if (document.from === FIRST_HAND) return;
      const others = connected().filter((peerId) => isListed(peerId) && peerId !== document.from);
      for (const peerId of others) {
        tasks.run('push', async () => void (await send(peerId, document, PUSH_TIMEOUT_MS)));
      }
    }),
    net.events.on('peer:connected', (peerId) => {
      if (isListed(peerId) || !membership.isActive(self)) ask(peerId);
    }),
  ];

  /** A removed member hears of it, then its connections close (T9). */
  async function dismiss(peerId: PeerId, document: CarriedDocument): Promise<void> {
    await send(peerId, document, FAREWELL_TIMEOUT_MS);
    await net.hangUp(peerId);
    log.info({ action: 'member_dismissed', peer: peerId }, 'a removed member was disconnected');
  }

  function ask(peerId: PeerId): void {
    tasks.run('pull', async (signal) => {
      await puller.pull(peerId, signal).catch((error: unknown) => {
        log.debug({ action: 'pull_failed', peer: peerId, error }, 'a peer did not answer about membership');
      });
    });
  }

  tasks.every({ name: 'look for newer membership', intervalMs }, async () => {
    const isJoining = !membership.isActive(self);
    const askable = isJoining ? connected() : connected().filter(isListed);
    for (const peerId of shuffle(random, askable).slice(0, isJoining ? WITNESSES : 1)) ask(peerId);
  });

  return {
    noticeHeads(peerId, heads) {
      if (peerId !== self && net.isConnected(peerId) && puller.lacks(heads)) ask(peerId);
    },
    noticeStale: ask,
    async push(bytes, { kind = 'snapshot', signal }) {
      const { verdict, spread } = await takeIn(kind, bytes, signal);
      if (verdict.result === 'refused') throw verdict.error;
      return { result: verdict.result, ...(await (spread ?? count(standsHere))) };
    },
    async offer(peerId, { kind, bytes }, { signal }) {
      if (peerId === self) {
        const { verdict } = await takeIn(kind, bytes, signal);
        const { epoch, snapshot: hash } = membership.heads();
        if (verdict.result !== 'refused') return { result: verdict.result, epoch, hash };
        const { code, message } = verdict.error;
        return { result: 'refused', code, reason: message.slice(0, 1_024), epoch, hash };
      }
      const options = { timeoutMs: PUSH_TIMEOUT_MS, signal };
      const word = await rpc.call(peerId, MEMBERSHIP_PUSH, 'push', { kind, bytes }, options);
      const { epoch, snapshot: hash } = await rpc.call(peerId, MEMBERSHIP, 'heads', {}, options);
      return { ...word, epoch, hash };
    },
    async [Symbol.asyncDispose]() {
      for (const one of [...served, ...subscriptions]) one[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

function pulledInto(membership: MembershipJournal) {
  return {
    status: () => membership.status(),
    view: () => membership.view(),
    heads: () => membership.heads(),
    holds: (hash: string) => membership.holds(hash),
  };
}

function withoutUndefined<T extends { readonly countersignature: unknown }>({
  countersignature,
  ...rest
}: T) {
  return {
    ...rest,
    ...(countersignature ? { countersignature: countersignature as NonNullable<T['countersignature']> } : {}),
  };
}
