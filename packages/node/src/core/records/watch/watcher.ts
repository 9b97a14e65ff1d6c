/**
 * A watch over all slots of a namespace. Every replica that holds any of them is followed by its own commit log; a change
 * that was acknowledged is on a majority, so it comes through whichever of them is heard, and what comes twice or late is
 * told once. DESIGN.md says why nothing is missed.
 */
import { type Crypto, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Random } from '../../random/index.ts';
import { textOfKey } from '../format/names.ts';
import type { ChangeBody } from '../format/wire.ts';
import type { Moves } from '../placement/moves.ts';
import { reaches } from '../placement/quorum.ts';
import type { Topology } from '../placement/topology.ts';
import type { NamespaceDeclaration, RecordKey, WatchEvent, WatchInput } from '../port.ts';
import { MAX_AHEAD_MS } from '../replica/replica.ts';
import type { Change, ChangeReader, Hint } from './change.ts';
import { Compacted, type FollowerDeps, follow, type Progress } from './follower.ts';
import { Known, stampAt } from './known.ts';
import { Outlet } from './outlet.ts';
import { decodeToken, encodeToken, MAX_TOLD, rangeDigest, type Standing } from './token.ts';
import { Repeats, Unheard } from './unheard.ts';

export interface WatcherDeps {
  readonly topology: Pick<Topology, 'onChange'> & { readonly moves: Pick<Moves, 'ring' | 'required'> };
  readonly ask: FollowerDeps['ask'];
  readonly changes: ChangeReader;
  readonly crypto: Pick<Crypto, 'sha256'>;
  /** Who should hold records of the partition. */
  readonly holdersOf: (namespace: string, partition: Uint8Array, count: number) => readonly PeerId[];
  /** What a quorum holds; of registers also what they agreed to delete. @throws P2posError RECORDS_QUORUM_LOST */
  readonly read: (name: RecordKey, signal: AbortSignal) => Promise<Found | undefined>;
  /** @throws P2posError NAMESPACE_UNKNOWN, BAD_REQUEST, STATE_UNCONFIGURED */
  readonly check: (input: WatchInput) => NamespaceDeclaration;
  readonly clock: Clock;
  /** Corrected time, ms. */
  readonly now: () => number;
  readonly random: Random;
  readonly log: Logger;
}

interface Found {
  readonly version: string;
  /** Null: deleted. */
  readonly value: Uint8Array | null;
  readonly expiresAt?: number | undefined;
}

export interface WatcherConfig {
  /**
   * Watches through this node; more are OVERLOADED. Of one app (`<app>/…`) half, and a quarter where the watches of all are more
   * than half; more are WATCH_LIMIT. Default 256.
   */
  readonly maxWatches?: number;
  /** Keys of which a watch remembers the version. Default 16 384. */
  readonly maxKnown?: number;
}

export interface Watcher extends AsyncDisposable {
  watch(input: WatchInput, signal: AbortSignal): AsyncGenerator<WatchEvent, void>;
}

/** Of events that wait for their reader; the logs of the replicas keep the rest. 32 MiB for all watches of a node. */
const MAX_WAITING_BYTES = 131_072;
/** What an event weighs besides its bytes. */
const EVENT_BYTES = 256;
const RETRY_MS = 250;
/** Between two beginnings of a watch. */
const MOST_PAUSE_MS = 60_000;
const PROGRESS_MS = 10_000;
const ATTACH_MS = 2_000;
const GRACE_MS = 500;

type Mode =
  /** Everything that is there first. */
  | { readonly kind: 'listing' }
  /** From where the logs end now. */
  | { readonly kind: 'changes' }
  | { readonly kind: 'resume'; readonly standing: Standing };

export function createWatcher(deps: WatcherDeps, config: WatcherConfig = {}): Watcher {
  const { topology, ask, changes, crypto, holdersOf, read, check, clock, now, random } = deps;
  const { maxWatches = 256, maxKnown = 16_384 } = config;
  const log = deps.log;
  const closing = new AbortController();
  const open = new Set<Promise<void>>();
  const openByApp = new Map<string, number>();

  function requiredSets(count: number) {
    const slots = topology.moves.ring(count)?.closed.length ?? 0;
    return Array.from({ length: slots }, (_, slot) => topology.moves.required(slot, count));
  }

  function isCovered(count: number, has: (peerId: PeerId) => boolean): boolean {
    const slots = requiredSets(count);
    return slots.length > 0 && slots.every((sets) => sets.length > 0 && reaches(sets, has));
  }

  /** Replicas take no such version: one that shows it alone would hide all that comes after it. */
  const isAhead = (version: string) => version > stampAt(now() + MAX_AHEAD_MS);

  /** Of what is older a replica may tell what has been replaced or deleted since. */
  function floorOf(mode: Mode): string | 'all' {
    if (mode.kind === 'listing') return 'all';
    return mode.kind === 'resume' ? mode.standing.horizon : stampAt(now());
  }

  /** Until its logs turn out to be compacted. @throws what ends the watch */
  async function run(
    input: WatchInput,
    { kind, replicas: count }: NamespaceDeclaration,
    mode: Mode,
    outlet: Outlet<WatchEvent>,
    outer: AbortSignal,
  ): Promise<void> {
    const { namespace, prefix } = input;
    const range = { namespace, prefix };
    const digest = rangeDigest(crypto, range);
    const stop = new AbortController();
    const signal = AbortSignal.any([outer, stop.signal]);
    const known = new Known(floorOf(mode), { maxKeys: maxKnown });
    const positions = new Map<PeerId, Progress>(mode.kind === 'resume' ? mode.standing.positions : []);
    const unheard = new Unheard(crypto, { max: MAX_TOLD });
    const repeats = new Repeats(crypto, mode.kind === 'resume' ? mode.standing.told : []);
    const live = new Set<PeerId>();
    const followed = new Map<PeerId, AbortController>();
    const running = new Set<Promise<void>>();
    let synced = false;
    let moved = true;
    let grace: Disposable | undefined;
    let tokenAt = clock.monotonic();
    const ended = Promise.withResolvers<void>();

    function token(): string {
      moved = false;
      tokenAt = clock.monotonic();
      const told = [...repeats.left(), ...unheard.digests()].slice(-MAX_TOLD);
      return encodeToken({ range: digest, horizon: known.horizon, positions, told });
    }

    function tell({ key, partition }: Pick<RecordKey, 'key' | 'partition'>, change: Found): void {
      const name = textOfKey({ key, partition });
      const told = { version: change.version, dead: change.value === null };
      if (known.covers(name, told)) return;
      // Of what was never told as alive a listing need not tell that it is gone.
      const isNews = synced || mode.kind !== 'listing' || !known.isWhole || known.get(name) !== undefined;
      known.set(name, told);
      // Who told of it counts as heard only with what it showed itself, which may be older: see `take`.
      unheard.told(name, told, holdersOf(namespace, partition, count));
      if ((told.dead && !isNews) || repeats.take(name, told)) return;
      const { version, value, expiresAt } = change;
      outlet.push({
        type: 'change',
        key,
        partition,
        version,
        value,
        ...(expiresAt !== undefined && value && { expiresAt }),
        ...(synced && moved && { token: token() }),
      });
    }

    async function confirmed(name: RecordKey) {
      for (;;) {
        try {
          return await read(name, signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof P2posError && error.retry)) throw error;
          await sleep(clock, RETRY_MS, { signal });
        }
      }
    }

    async function take(peerId: PeerId, body: ChangeBody): Promise<void> {
      const change = await changes.read(range, body);
      await consider(change);
      const { key, partition, version } = change;
      if (version !== undefined) unheard.heard(peerId, textOfKey({ key, partition }), version);
    }

    async function consider(change: Change | Hint): Promise<void> {
      const { key, partition } = change;
      const name = textOfKey({ key, partition });
      if (change.version !== undefined) {
        const { version, value } = change;
        if (known.covers(name, { version, dead: value === null })) return;
        if (kind === 'lww' && !isAhead(version) && !known.isUnsure(name, version))
          return tell(change, change);
      }
      // Before it is asked: what is told in the meantime is newer than the answer.
      const told = known.get(name);
      const found = await confirmed({ namespace, key, partition });
      if (found) tell(change, found);
      else if (change.version !== undefined && change.value === null && !isAhead(change.version))
        tell(change, { version: change.version, value: null });
      // Whatever a replica accepted of a register, only a majority's word is told; and that they have let it go, under the
      // version that was told before, since what was accepted may still be agreed on.
      else if (kind === 'cas' && told && !told.dead) tell(change, { version: told.version, value: null });
    }

    /** A majority suffices; the others get a moment, since a token without them begins anew with them. */
    function sync(late = false): void {
      if (synced || !isCovered(count, (peerId) => live.has(peerId))) return;
      if (live.size < followed.size && !late) {
        grace ??= clock.after(GRACE_MS, () => sync(true));
        return;
      }
      synced = true;
      if (mode.kind === 'listing') known.settle();
      outlet.push({ type: 'synced', token: token() });
    }

    async function followOne(peerId: PeerId, one: AbortSignal): Promise<void> {
      await follow(
        { clock, random, log, ask },
        {
          peerId,
          range,
          from: positions.get(peerId),
          async enter(isBehind) {
            if (isBehind) return outlet.fetching();
            await outlet.drained();
          },
          async onPage(list) {
            await Promise.all(list.map((body) => take(peerId, body)));
          },
          onProgress(progress, caughtUp) {
            const before = positions.get(peerId);
            if (before?.position !== progress.position || before.store !== progress.store) moved = true;
            positions.set(peerId, progress);
            if (caughtUp && !live.has(peerId)) {
              live.add(peerId);
              sync();
            }
            if (synced && moved && outlet.isEmpty && clock.monotonic() - tokenAt >= PROGRESS_MS)
              outlet.push({ type: 'progress', token: token() });
          },
        },
        AbortSignal.any([signal, one]),
      );
    }

    /** Follows every holder; those that came later from the beginning, for what they took over may be new to us. */
    function refresh(): void {
      try {
        check(input);
      } catch (error) {
        // A node that is no member any more would hear of nothing.
        ended.reject(error);
        return;
      }
      const holders = new Set(requiredSets(count).flat(2));
      for (const [peerId, controller] of followed) {
        if (holders.has(peerId)) continue;
        controller.abort();
        followed.delete(peerId);
        live.delete(peerId);
      }
      for (const peerId of positions.keys()) if (!holders.has(peerId)) positions.delete(peerId);
      for (const peerId of holders) {
        if (followed.has(peerId)) continue;
        const controller = new AbortController();
        followed.set(peerId, controller);
        const work: Promise<void> = followOne(peerId, controller.signal)
          .catch((error) => {
            if (signal.aborted || controller.signal.aborted) return;
            if (error instanceof Compacted) ended.resolve();
            else ended.reject(error);
          })
          .finally(() => running.delete(work));
        running.add(work);
      }
      sync();
    }

    const aborted = () => ended.reject(outer.reason);
    outer.addEventListener('abort', aborted, { once: true });
    try {
      outer.throwIfAborted();
      if (mode.kind === 'changes') await attach();
      outlet.push({ type: 'open', token: mode.kind === 'listing' ? null : token() });
      using _listening = topology.onChange(refresh);
      refresh();
      await ended.promise;
    } finally {
      outer.removeEventListener('abort', aborted);
      ended.promise.catch(() => {});
      grace?.[Symbol.dispose]();
      stop.abort(new P2posError('CANCELLED'));
      await Promise.all(running);
    }

    /** Learns where the logs end; waits for a majority of every slot, and a moment for the others. */
    async function attach(): Promise<void> {
      const from = { ...range, from: null, waitMs: 0 };
      for (;;) {
        const holders = new Set(requiredSets(count).flat(2));
        await Promise.all(
          [...holders].map(async (peerId) => {
            if (positions.has(peerId)) return;
            const answer = await ask(peerId, from, ATTACH_MS, signal).catch(() => undefined);
            if (answer) positions.set(peerId, { store: answer.store, position: answer.position });
          }),
        );
        signal.throwIfAborted();
        if (isCovered(count, (peerId) => positions.has(peerId))) return;
        await sleep(clock, RETRY_MS, { signal });
      }
    }
  }

  /** One app leaves room for others. */
  function enter(app: string): Disposable {
    const count = openByApp.get(app) ?? 0;
    if (open.size >= maxWatches) throw new P2posError('OVERLOADED', { what: 'Watching' });
    if (count >= maxWatches / 4 && open.size >= maxWatches / 2)
      throw new P2posError('WATCH_LIMIT', { app, limit: count });
    openByApp.set(app, count + 1);
    return {
      [Symbol.dispose]() {
        const left = (openByApp.get(app) as number) - 1;
        if (left > 0) openByApp.set(app, left);
        else openByApp.delete(app);
      },
    };
  }

  async function* watch(input: WatchInput, caller: AbortSignal): AsyncGenerator<WatchEvent, void> {
    const declaration = check(input);
    const standing = input.from === undefined ? undefined : decodeToken(input.from);
    if (standing?.range !== undefined && standing.range !== rangeDigest(crypto, input))
      throw new P2posError('WATCH_TOKEN_INVALID');
    const entered = enter(input.namespace.split('/')[0] as string);
    const stop = new AbortController();
    const signal = AbortSignal.any([caller, closing.signal, stop.signal]);
    const outlet = new Outlet<WatchEvent>({ maxBytes: MAX_WAITING_BYTES, weigh });
    signal.addEventListener('abort', () => outlet.end(signal.reason), { once: true });
    const work: Promise<void> = (async () => {
      let mode: Mode = standing
        ? { kind: 'resume', standing }
        : { kind: input.listing === false ? 'changes' : 'listing' };
      for (let pauseMs = 0; ; ) {
        const began = clock.monotonic();
        await run(input, declaration, mode, outlet, signal);
        outlet.push({ type: 'compacted' });
        mode = { kind: 'listing' };
        // A replica may say so again and again, and each beginning lists everything.
        const isSoon = clock.monotonic() - began < MOST_PAUSE_MS;
        if (isSoon && pauseMs > 0) await sleep(clock, pauseMs, { signal });
        pauseMs = isSoon ? Math.min(MOST_PAUSE_MS, Math.max(RETRY_MS, 2 * pauseMs)) : 0;
      }
    })()
      .catch((error) => outlet.end(error))
      // Not when it was read to its end, for who gives it up may not do that.
      .finally(() => {
        open.delete(work);
        entered[Symbol.dispose]();
      });
    open.add(work);
    try {
      for (;;) yield await outlet.take();
    } catch (error) {
      if (!caller.aborted) throw error;
    } finally {
      stop.abort(new P2posError('CANCELLED'));
      await work;
    }
  }

  return {
    watch,
    async [Symbol.asyncDispose]() {
      closing.abort(new P2posError('NODE_CLOSING'));
      await Promise.all(open);
    },
  };
}

function weigh(event: WatchEvent): number {
  const tokenBytes = ('token' in event && event.token?.length) || 0;
  if (event.type !== 'change') return EVENT_BYTES + tokenBytes;
  const { key, partition, value } = event;
  return EVENT_BYTES + tokenBytes + key.length + partition.length + (value?.length ?? 0);
}
