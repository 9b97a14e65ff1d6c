/**
 * Who wants to hear of what. Every member tells every member it is connected to which patterns its clients hold, first-hand,
 * as it changes, and the whole again to who connects or missed something; so a publisher knows whom to send to without
 * asking. Changes that come while a member is being told go together in the next statement. What a member told is forgotten
 * when it starts anew or is no member any more. A process goes on telling each under the incarnation that this one took, also
 * when its own is raised: a greater one would make void what is on its way here.
 */
import type { Net, PeerId } from '../../../core/net/index.ts';
import type { Rpc } from '../../../core/rpc/index.ts';
import type { TaskGroup } from '../../../core/tasks/index.ts';
import { digestOf, emptyDigest, MAX_PATTERNS, PUBSUB } from '../wire.ts';
import { createPatternTree, type PatternTree } from './pattern-tree.ts';

export interface InterestDeps {
  readonly rpc: Pick<Rpc, 'call'>;
  readonly net: Pick<Net, 'connections' | 'isConnected' | 'events'>;
  readonly isMember: (peerId: PeerId) => boolean;
  readonly incarnation: () => number;
  readonly tasks: TaskGroup;
  /** The member started anew: what was meant for its former life is void. */
  readonly onFresh: (peerId: PeerId, incarnation: number) => void;
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
  /** The serial that it builds on; null: all that was said before is void. */
  readonly after: number | null;
  /** Of all patterns once this is applied; null: more of this whole follows. */
  readonly digest: string | null;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export interface Interest extends Disposable {
  /** Resolves when all members that are connected know of it, or time is up. */
  add(pattern: string): Promise<Confirmation>;
  remove(pattern: string): void;
  /** What a member said; false: the whole is wanted, or another process of it said more. */
  heard(peerId: PeerId, statement: Statement): boolean;
  /** Members that want what is published under the name. */
  wantedBy(name: string): Set<PeerId>;
  /** Of the process that told its interest. */
  incarnationOf(peerId: PeerId): number | undefined;
  /** Whether this process told some member its interest under it. */
  isOwn(incarnation: number): boolean;
  /** Of other members and of this node. */
  readonly peers: PatternTree<PeerId>;
  readonly own: ReadonlyMap<string, number>;
}

interface Known {
  readonly incarnation: number;
  serial: number;
  /** Of the whole that is being told, else of all patterns. */
  digest: bigint;
  patterns: Set<string>;
  /** As far as it was told again; when it ends, what is not in it is forgotten. */
  whole: Set<string> | undefined;
}

/** One member that is being told. */
interface Telling {
  /** What it is known to know. */
  confirmed: number | undefined;
  busy: boolean;
  /** Until it knows of a serial; false: it cannot be told now. */
  waiting: { readonly serial: number; readonly resolve: (known: boolean) => void }[];
}

/** Between two looks for members that missed something. */
const REPAIR_MS = 2_000;
/** Between two statements to a member that should know all, so that it can say if it does not. */
const DIGEST_MS = 30_000;
/** Changes that are remembered, to tell only them. */
const MAX_CHANGES = 4 * MAX_PATTERNS;

export function createInterest(deps: InterestDeps, { timeoutMs, maxPatterns }: InterestConfig): Interest {
  const { rpc, net, isMember, incarnation, tasks } = deps;
  const own = new Map<string, number>();
  const peers = createPatternTree<PeerId>();
  const known = new Map<PeerId, Known>();
  const members = new Map<PeerId, Telling>();
  /** Under which incarnation each is told. */
  const lives = new Map<PeerId, number>();
  const ownLives = new Set<number>();
  /** The newest changes; the last has the number `serial`. */
  let changes: string[] = [];
  let serial = 0;
  let digest = emptyDigest;

  const connected = () => [...new Set(net.connections().map(({ peerId }) => peerId))].filter(isMember);

  function tellingOf(peerId: PeerId): Telling {
    let telling = members.get(peerId);
    if (!telling) {
      telling = { confirmed: undefined, busy: false, waiting: [] };
      members.set(peerId, telling);
    }
    return telling;
  }

  function changed(pattern: string): void {
    serial++;
    digest ^= digestOf(pattern);
    changes.push(pattern);
    if (changes.length > 2 * MAX_CHANGES) changes = changes.slice(-MAX_CHANGES);
  }

  const say = async (peerId: PeerId, statement: Omit<Statement, 'incarnation'>): Promise<boolean> => {
    const life = lives.get(peerId) ?? incarnation();
    lives.set(peerId, life);
    ownLives.add(life);
    const input = { ...statement, incarnation: life };
    return (await rpc.call(peerId, PUBSUB, 'interest', input, { timeoutMs })).known;
  };

  /** Undefined: what it knows is too old for a statement of changes alone. */
  function changesSince(confirmed: number): Omit<Statement, 'incarnation'> | undefined {
    const count = serial - confirmed;
    if (count > Math.min(changes.length, MAX_PATTERNS)) return undefined;
    const patterns = count === 0 ? [] : [...new Set(changes.slice(-count))];
    return {
      serial,
      after: confirmed,
      digest: digest.toString(16),
      add: patterns.filter((pattern) => own.has(pattern)),
      remove: patterns.filter((pattern) => !own.has(pattern)),
    };
  }

  async function sayWhole(peerId: PeerId): Promise<number> {
    const all = [...own.keys()];
    const at = serial;
    const whole = digest.toString(16);
    for (let from = 0; from === 0 || from < all.length; from += MAX_PATTERNS) {
      const last = from + MAX_PATTERNS >= all.length;
      const add = all.slice(from, from + MAX_PATTERNS);
      const after = from === 0 ? null : at;
      if (await say(peerId, { serial: at, after, digest: last ? whole : null, add, remove: [] })) continue;
      // It heard a former process under an incarnation that is no less; presence raises that of this one in a moment.
      if (from === 0) lives.delete(peerId);
      throw new Error('it does not take the whole');
    }
    return at;
  }

  async function tellAll(peerId: PeerId, telling: Telling): Promise<void> {
    telling.busy = true;
    try {
      do {
        const { confirmed } = telling;
        const statement = confirmed === undefined ? undefined : changesSince(confirmed);
        const taken = statement !== undefined && (await say(peerId, statement));
        const at = taken ? statement.serial : await sayWhole(peerId);
        // The connection may have ended meanwhile.
        if (members.get(peerId) !== telling) return;
        telling.confirmed = at;
        for (const one of telling.waiting) if (one.serial <= at) one.resolve(true);
        telling.waiting = telling.waiting.filter((one) => one.serial > at);
      } while (telling.confirmed !== serial);
    } catch {
      telling.confirmed = undefined;
    } finally {
      telling.busy = false;
      for (const { resolve } of telling.waiting.splice(0)) resolve(false);
    }
  }

  /** Resolves when it knows what was true when this was called, or it cannot be told. */
  function tell(peerId: PeerId): Promise<boolean> {
    const telling = tellingOf(peerId);
    return new Promise((resolve) => {
      telling.waiting.push({ serial, resolve });
      if (!telling.busy) void tellAll(peerId, telling);
    });
  }

  function forget(peerId: PeerId): void {
    for (const pattern of known.get(peerId)?.patterns ?? []) peers.remove(pattern, peerId);
    known.delete(peerId);
  }

  function endWhole(peerId: PeerId, one: Known): void {
    const { patterns, whole } = one;
    if (!whole) return;
    for (const pattern of patterns) if (!whole.has(pattern)) peers.remove(pattern, peerId);
    one.patterns = whole;
    one.whole = undefined;
  }

  const behind = (peerId: PeerId) => {
    const { confirmed, busy } = tellingOf(peerId);
    return confirmed !== serial && !busy;
  };
  /** Whoever is not known to know all is told. */
  const { trigger } = tasks.every({ name: 'pubsub_interest', intervalMs: REPAIR_MS }, async () => {
    if (serial > 0) await Promise.all(connected().filter(behind).map(tell));
  });
  tasks.every({ name: 'pubsub_interest_digest', intervalMs: DIGEST_MS }, async () => {
    if (serial > 0) await Promise.all(connected().map(tell));
  });
  const listening = [
    net.events.on('peer:connected', trigger),
    net.events.on('peer:disconnected', (peerId) => void members.delete(peerId)),
  ];

  return {
    peers,
    own,
    async add(pattern) {
      const count = own.get(pattern) ?? 0;
      own.set(pattern, count + 1);
      if (count === 0) changed(pattern);
      // Also for a pattern that is held already: who asks wants to know that it is known.
      const told = await Promise.all(
        connected().map(async (peerId) => {
          const confirmed = members.get(peerId)?.confirmed === serial || (await tell(peerId));
          return { peerId, confirmed };
        }),
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
      changed(pattern);
      for (const peerId of connected()) void tell(peerId);
    },
    heard(peerId, { incarnation: life, serial: said, after, digest: expected, add, remove }) {
      const before = known.get(peerId);
      if (before && life < before.incarnation) return false;
      const same = before?.incarnation === life ? before : undefined;
      // What was said earlier and comes later would undo what is newer.
      if (same && said < same.serial) return false;
      if (after === null) {
        // What an earlier whole that never ended left may be too much.
        if (!same || same.patterns.size > maxPatterns) forget(peerId);
        if (!same) deps.onFresh(peerId, life);
        const patterns = known.get(peerId)?.patterns ?? new Set();
        const whole = new Set<string>();
        known.set(peerId, { incarnation: life, serial: said, digest: emptyDigest, patterns, whole });
      } else if (!same || after > same.serial) return false;
      const one = known.get(peerId) as Known;
      one.serial = said;
      const held = one.whole ?? one.patterns;
      for (const pattern of add) {
        if (held.has(pattern) || held.size >= maxPatterns) continue;
        held.add(pattern);
        one.digest ^= digestOf(pattern);
        one.patterns.add(pattern);
        peers.add(pattern, peerId);
      }
      for (const pattern of remove) {
        if (!held.delete(pattern)) continue;
        one.digest ^= digestOf(pattern);
        if (!one.whole) peers.remove(pattern, peerId);
      }
      if (expected === null) return true;
      // One that may hold more than is kept here would be asked for the whole for ever.
      const right = after === null || held.size >= maxPatterns || one.digest.toString(16) === expected;
      if (right) endWhole(peerId, one);
      return right;
    },
    wantedBy(name) {
      const found = peers.match(name);
      for (const peerId of found) if (!isMember(peerId)) found.delete(peerId);
      return found;
    },
    isOwn: (life) => ownLives.has(life),
    incarnationOf: (peerId) => known.get(peerId)?.incarnation,
    [Symbol.dispose]() {
      for (const one of listening) one[Symbol.dispose]();
    },
  };
}
