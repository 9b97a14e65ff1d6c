/** From the node that was asked to one that holds the database: itself without a call, others over rpc. */
import { type ErrorCode, isP2posError, P2posError } from '@p2pos/protocol';
import type { z } from 'zod';
import { type Clock, sleep } from '../../core/clock/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import { jitter, type Random } from '../../core/random/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { Catalogue, Entry } from './catalogue.ts';
import type { Engine } from './engine.ts';
import type { Hosting } from './hosting.ts';
import { SQL } from './wire.ts';

export interface RoutingDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly catalogue: Pick<Catalogue, 'find' | 'forget'>;
  readonly hosting: Pick<Hosting, 'engineOf'>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface RouteOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Of a transaction: the holder that keeps it; others can only tell how it ended. */
  readonly home?: ((peerId: PeerId) => boolean) | undefined;
}

type Method = 'query' | 'write' | 'migrate' | 'wait' | 'begin' | 'step' | 'end' | 'fence';
type Methods = typeof SQL.methods;
type Input<M extends Method> = Omit<z.input<Methods[M]['input']>, 'app' | 'name' | 'id'>;
type Output<M extends Method> = z.output<Methods[M]['output']>;

/** What a call on one holder may take. */
export interface Within {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Of a request, beyond its statement: the queue before it and the way there and back. */
export const ROUTE_MS = 5_000;
const LEAST_STATEMENT_MS = 1_000;

/**
 * How long a statement may run for a caller who waits `callerMs`: asked for a second time it has what is left of its time,
 * and does not begin another.
 */
export function statementMs(limitMs: number, callerMs: number): number {
  return Math.min(limitMs, Math.max(LEAST_STATEMENT_MS, callerMs - ROUTE_MS));
}

export interface Routing {
  /**
   * Asks holders in turn, the one that answered last first. Writes carry a key, so a repeat elsewhere has no second effect.
   *
   * @throws P2posError SQL_DATABASE_NOT_FOUND, SQL_HOLDER_UNREACHABLE, what the holder answers
   */
  call<M extends Method>(
    name: { readonly app: string; readonly name: string },
    method: M,
    input: Input<M>,
    here: (engine: Engine, within: Within) => Promise<Output<M>>,
    options: RouteOptions,
  ): Promise<Output<M>>;
  /** The same of an entry as it is given. */
  ask<M extends Method>(
    entry: Entry,
    method: M,
    input: Input<M>,
    here: (engine: Engine, within: Within) => Promise<Output<M>>,
    options: RouteOptions,
  ): Promise<Output<M>>;
}

/** Another holder may do better. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'PEER_UNREACHABLE',
  'TIMEOUT',
  'NODE_CLOSING',
  'OVERLOADED',
  'SQL_NO_LEADER',
  'SQL_ENGINE_FAILED',
  // A node that is starting hears others before it serves databases.
  'METHOD_UNKNOWN',
]);
/** What a client hears as it is when no holder did better. */
const TOLD: ReadonlySet<ErrorCode> = new Set(['SQL_NO_LEADER', 'SQL_ENGINE_FAILED']);
/** The holder of a transaction cannot be asked about it. */
const GONE: ReadonlySet<ErrorCode> = new Set([
  'PEER_UNREACHABLE',
  'TIMEOUT',
  'NODE_CLOSING',
  'SQL_PLACEMENT_STALE',
]);
/** The catalogue may know better by now. */
const STALE: ReadonlySet<ErrorCode> = new Set([
  'SQL_PLACEMENT_STALE',
  'SQL_HOLDER_UNREACHABLE',
  'SQL_MOVING',
]);
const MOVING_MS = 200;
/** Reads may be long, and are not cheap to ask twice. What waits by its nature is asked of one. */
const HEDGE_MS: Partial<Record<Method, number>> = { query: 4_000, write: 2_500 };
const PAUSE_MS = 150;
const MAX_REMEMBERED = 10_000;

export function createRouting({ self, rpc, catalogue, hosting, clock, random }: RoutingDeps): Routing {
  const preferred = new Map<string, PeerId>();

  function inOrder({ id, holders }: Entry, isNearest: boolean): PeerId[] {
    const peers = holders.map(({ peerId }) => peerId);
    const first = isNearest && peers.includes(self) ? self : (preferred.get(id) ?? self);
    return [...peers.filter((peer) => peer === first), ...peers.filter((peer) => peer !== first)];
  }

  function remember(id: string, peerId: PeerId): void {
    if (preferred.size >= MAX_REMEMBERED) preferred.clear();
    preferred.set(id, peerId);
  }

  /** One that says nothing for a while may be cut off; then the next is asked as well, and the first answer counts. */
  async function withSecond<T>(
    first: PeerId,
    second: { readonly peerId: PeerId | undefined; readonly afterMs: number | undefined },
    run: (peerId: PeerId, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly output: T; readonly by: PeerId }> {
    const over = new AbortController();
    const within = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    const of = (peerId: PeerId) => run(peerId, within).then((output) => ({ output, by: peerId }));
    const one = of(first);
    try {
      if (second.peerId === undefined || second.afterMs === undefined) return await one;
      const late = sleep(clock, second.afterMs, { signal: within }).then(() => undefined);
      late.catch(() => {});
      const early = await Promise.race([one, late]);
      if (early) return early;
      // What the first says of itself is what counts; the other helps where it does better, or says what holds for all.
      const other = of(second.peerId).catch((error) => (isOfHolder(error) ? one : Promise.reject(error)));
      other.catch(() => {});
      return await Promise.race([
        one.catch((error) => (isOfHolder(error) ? other : Promise.reject(error))),
        other,
      ]);
    } finally {
      over.abort(new P2posError('CANCELLED'));
    }
  }

  async function ask<M extends Method>(
    { app, name, id }: Entry,
    peerId: PeerId,
    method: M,
    input: Input<M>,
    here: (engine: Engine, within: Within) => Promise<Output<M>>,
    options: RouteOptions,
  ): Promise<Output<M>> {
    options.signal?.throwIfAborted();
    const { timeoutMs, signal } = options;
    if (peerId === self) return here(await hosting.engineOf({ app, name, id }), { timeoutMs, signal });
    const body = { app, name, id, ...input } as never;
    return (await rpc.call(peerId, SQL, method, body, { timeoutMs, signal })) as Output<M>;
  }

  function leftOf(until: number): number {
    return Math.max(1, Math.ceil(until - clock.monotonic()));
  }

  function nobody(entry: Entry, cause: P2posError | undefined): P2posError {
    const holders = entry.holders.map(({ peerId }) => peerId).join(', ');
    return new P2posError('SQL_HOLDER_UNREACHABLE', { database: entry.name, holders }, { cause });
  }

  /** Each holder once. @throws P2posError what the last of them answered */
  async function round<M extends Method>(
    entry: Entry,
    method: M,
    input: Input<M>,
    here: (engine: Engine, within: Within) => Promise<Output<M>>,
    options: RouteOptions,
  ): Promise<Output<M>> {
    const { id } = entry;
    // All of them together: one that never answers must not leave the client waiting beyond its patience.
    const until = clock.monotonic() + options.timeoutMs;
    let last: P2posError | undefined;
    const order = inOrder(entry, isNear(method, input));
    for (const [at, peerId] of order.entries()) {
      if (at > 0 && clock.monotonic() >= until) break;
      // After the last one comes the first again, which may be well by now.
      const second = order[(at + 1) % order.length];
      try {
        const { output, by } = await withSecond(
          peerId,
          { peerId: second === peerId ? undefined : second, afterMs: HEDGE_MS[method] },
          (peer, signal) => ask(entry, peer, method, input, here, { timeoutMs: leftOf(until), signal }),
          options.signal,
        );
        remember(id, output.leader ?? by);
        return output;
      } catch (error) {
        if (!isP2posError(error) || !ELSEWHERE.has(error.code)) throw error;
        last = error;
      }
    }
    preferred.delete(id);
    if (last && TOLD.has(last.code)) throw last;
    throw nobody(entry, last);
  }

  /** The one that keeps the transaction; where it is gone others know how it ended. */
  async function atHome<M extends Method>(
    entry: Entry,
    method: M,
    input: Input<M>,
    here: (engine: Engine, within: Within) => Promise<Output<M>>,
    options: RouteOptions & { readonly home: (peerId: PeerId) => boolean },
  ): Promise<Output<M>> {
    const peers = entry.holders.map(({ peerId }) => peerId);
    const home = peers.filter(options.home);
    const others =
      entry.engine === 'rqlite' && method === 'end' ? peers.filter((peer) => !home.includes(peer)) : [];
    let last: P2posError | undefined;
    for (const peerId of [...home, ...others]) {
      try {
        return await ask(entry, peerId, method, input, here, options);
      } catch (error) {
        if (!isP2posError(error) || !GONE.has(error.code)) throw error;
        last = error;
      }
    }
    if (entry.engine === 'sqlite' || method === 'end') throw nobody(entry, last);
    const reason = 'the node that kept it is gone';
    throw new P2posError('SQL_TRANSACTION_ENDED', { database: entry.name, transaction: 'open', reason });
  }

  /** Of several voters another leads soon, so they are asked until the time is over. */
  async function attempt<M extends Method>(
    entry: Entry,
    method: M,
    input: Input<M>,
    here: (engine: Engine, within: Within) => Promise<Output<M>>,
    { timeoutMs, signal }: RouteOptions,
  ): Promise<Output<M>> {
    const until = clock.monotonic() + timeoutMs;
    for (;;) {
      try {
        return await round(entry, method, input, here, { timeoutMs: leftOf(until), signal });
      } catch (error) {
        const isPassing =
          isP2posError(error) && (error.code === 'SQL_HOLDER_UNREACHABLE' || TOLD.has(error.code));
        if (!isPassing || entry.holders.length === 1 || clock.monotonic() + PAUSE_MS >= until) throw error;
        await sleep(clock, jitter(random, PAUSE_MS), { signal });
      }
    }
  }

  return {
    ask: attempt,
    async call(name, method, input, here, options) {
      const entry = await catalogue.find(name, options);
      const { home } = options;
      if (home) return atHome(entry, method, input, here, { ...options, home });
      const until = clock.monotonic() + options.timeoutMs;
      let known = entry;
      for (;;) {
        try {
          return await attempt(known, method, input, here, { ...options, timeoutMs: leftOf(until) });
        } catch (error) {
          if (!isP2posError(error) || !STALE.has(error.code)) throw error;
          catalogue.forget(name);
          const now = await catalogue.find(name, options);
          const isSame = now.id === known.id && JSON.stringify(now.holders) === JSON.stringify(known.holders);
          // One that moves has its new place soon.
          const isMoving = now.next !== undefined || error.code === 'SQL_MOVING';
          if ((isSame && !isMoving) || clock.monotonic() + MOVING_MS >= until) throw error;
          if (isSame) await sleep(clock, MOVING_MS, { signal: options.signal });
          known = now;
        }
      }
    },
  };
}

/** Another may say otherwise; anything else is said of the request. */
function isOfHolder(error: unknown): boolean {
  return isP2posError(error) && (ELSEWHERE.has(error.code) || error.code === 'SQL_PLACEMENT_STALE');
}

/** What any voter or reader has will do. */
function isNear<M extends Method>(method: M, input: Input<M>): boolean {
  return method === 'query' && 'consistency' in input && input.consistency === 'none';
}
