/**
 * Who wants to hear of what. Every member tells every member it is connected to which patterns its clients hold, first-hand,
 * as it changes, and the whole again to who connects or missed something; so a publisher knows whom to send to without
 * asking. What a member told is forgotten when it starts anew or is no member any more.
 */
import type { Net, PeerId } from '../../core/net/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { TaskGroup } from '../../core/tasks/index.ts';
import { createPatternTree, type PatternTree } from './pattern-tree.ts';
import { MAX_PATTERNS, PUBSUB } from './wire.ts';

export interface InterestDeps {
  readonly rpc: Pick<Rpc, 'call'>;
  readonly net: Pick<Net, 'connections' | 'isConnected' | 'events'>;
  readonly isMember: (peerId: PeerId) => boolean;
  readonly incarnation: () => number;
  readonly tasks: TaskGroup;
  /** The member started anew: what was meant for its former life is void. */
  readonly onFresh: (peerId: PeerId) => void;
}

export interface InterestConfig {
  readonly timeoutMs: number;
  /** Patterns that one member may hold; more are refused. */
  readonly maxPatterns: number;
}

export interface Confirmation {
  readonly confirmedBy: readonly PeerId[];
  readonly unconfirmed: readonly PeerId[];
}

export interface Statement {
  readonly incarnation: number;
  readonly serial: number;
  readonly whole: boolean;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface Interest extends Disposable {
  /** Resolves when all members that are connected know of it, or time is up. */
  add(pattern: string): Promise<Confirmation>;
  remove(pattern: string): void;
  /** What a member said; false: the whole is wanted. */
  heard(peerId: PeerId, statement: Statement): boolean;
  /** Members that want what is published under the name. */
  wantedBy(name: string): Set<PeerId>;
  /** Of the process that told its interest. */
  incarnationOf(peerId: PeerId): number | undefined;
  /** Of other members and of this node. */
  readonly peers: PatternTree<PeerId>;
  readonly own: ReadonlyMap<string, number>;
}

interface Known {
  readonly incarnation: number;
  serial: number;
  readonly patterns: Set<string>;
}

/** Between two looks for members that missed something. */
const REPAIR_MS = 2_000;

export function createInterest(deps: InterestDeps, { timeoutMs, maxPatterns }: InterestConfig): Interest {
  const { rpc, net, isMember, incarnation, tasks } = deps;
  const own = new Map<string, number>();
  const peers = createPatternTree<PeerId>();
  const known = new Map<PeerId, Known>();
  let serial = 0;
  /** The serial that each connected member is known to know. */
  const confirmed = new Map<PeerId, number>();
  /** What each member is being told, one statement after another. */
  const telling = new Map<PeerId, Promise<boolean>>();

  function connected(): PeerId[] {
    return [...new Set(net.connections().map(({ peerId }) => peerId))].filter(isMember);
  }

  async function say(peerId: PeerId, statement: Omit<Statement, 'incarnation'>): Promise<boolean> {
    const input = { ...statement, incarnation: incarnation() };
    try {
      const answer = await rpc.call(peerId, PUBSUB, 'interest', input, { timeoutMs });
      if (!answer.known) return await sayWhole(peerId);
      confirmed.set(peerId, statement.serial);
      return true;
    } catch {
      return false;
    }
  }

  async function sayWhole(peerId: PeerId): Promise<boolean> {
    const all = [...own.keys()];
    const at = serial;
    const first = { serial, whole: true, add: all.slice(0, MAX_PATTERNS), remove: [] };
    const input = { ...first, incarnation: incarnation() };
    const { known: taken } = await rpc.call(peerId, PUBSUB, 'interest', input, { timeoutMs });
    for (let from = MAX_PATTERNS; from < all.length && taken; from += MAX_PATTERNS) {
      const more = {
        incarnation: incarnation(),
        serial,
        whole: false,
        add: all.slice(from, from + MAX_PATTERNS),
        remove: [],
      };
      await rpc.call(peerId, PUBSUB, 'interest', more, { timeoutMs });
    }
    if (taken) confirmed.set(peerId, at);
    return taken;
  }

  function inTurn(peerId: PeerId, work: () => Promise<boolean>): Promise<boolean> {
    const before = telling.get(peerId) ?? Promise.resolve(true);
    const turn = before.then(work, work).catch(() => false);
    telling.set(peerId, turn);
    void turn.then(() => {
      if (telling.get(peerId) === turn) telling.delete(peerId);
    });
    return turn;
  }

  function forget(peerId: PeerId): void {
    for (const pattern of known.get(peerId)?.patterns ?? []) peers.remove(pattern, peerId);
    known.delete(peerId);
  }

  /** Whoever is not known to know all is told all. */
  const { trigger } = tasks.every({ name: 'pubsub_interest', intervalMs: REPAIR_MS }, async () => {
    if (serial === 0) return;
    const behind = connected().filter((peerId) => confirmed.get(peerId) !== serial && !telling.has(peerId));
    await Promise.all(behind.map((peerId) => inTurn(peerId, () => sayWhole(peerId))));
  });
  const listening = [
    net.events.on('peer:connected', trigger),
    net.events.on('peer:disconnected', (peerId) => void confirmed.delete(peerId)),
  ];

  return {
    peers,
    own,
    async add(pattern) {
      const count = own.get(pattern) ?? 0;
      own.set(pattern, count + 1);
      if (count === 0) serial++;
      const statement = { serial, whole: false, add: [pattern], remove: [] };
      const told = await Promise.all(
        connected().map(async (peerId) => ({
          peerId,
          // Also for a pattern that is held already: who asks wants to know that it is known.
          confirmed: await inTurn(peerId, () => say(peerId, statement)),
        })),
      );
      return {
        confirmedBy: told.filter(({ confirmed }) => confirmed).map(({ peerId }) => peerId),
        unconfirmed: told.filter(({ confirmed }) => !confirmed).map(({ peerId }) => peerId),
      };
    },
    remove(pattern) {
      const count = own.get(pattern) ?? 0;
      if (count > 1) own.set(pattern, count - 1);
      if (count !== 1) return;
      own.delete(pattern);
      serial++;
      const statement = { serial, whole: false, add: [], remove: [pattern] };
      for (const peerId of connected()) void inTurn(peerId, () => say(peerId, statement));
    },
    heard(peerId, statement) {
      const before = known.get(peerId);
      if (before && statement.incarnation < before.incarnation) return true;
      const fresh = !before || before.incarnation !== statement.incarnation;
      if (statement.whole) {
        forget(peerId);
        if (fresh) deps.onFresh(peerId);
        known.set(peerId, {
          incarnation: statement.incarnation,
          serial: statement.serial,
          patterns: new Set(),
        });
      } else if (fresh || statement.serial > before.serial + 1) return false;
      const one = known.get(peerId) as Known;
      one.serial = Math.max(one.serial, statement.serial);
      for (const pattern of statement.add) {
        if (one.patterns.has(pattern) || one.patterns.size >= maxPatterns) continue;
        one.patterns.add(pattern);
        peers.add(pattern, peerId);
      }
      for (const pattern of statement.remove) if (one.patterns.delete(pattern)) peers.remove(pattern, peerId);
      return true;
    },
    wantedBy(name) {
      const found = peers.match(name);
      for (const peerId of found) if (!isMember(peerId)) found.delete(peerId);
      return found;
    },
    incarnationOf: (peerId) => known.get(peerId)?.incarnation,
    [Symbol.dispose]() {
      for (const one of listening) one[Symbol.dispose]();
    },
  };
}
