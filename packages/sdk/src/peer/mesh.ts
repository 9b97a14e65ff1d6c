/** Keeps a page connected: to so many members, anew when one is lost, and knows who answers. */
import { type Clock, deadline, isP2posError, P2posError, sleep } from '@p2pos/protocol';
import { MEMBERSHIP, type Puller } from '@p2pos/protocol/membership';
import { PEERS, PEERS_LIMITS, type PeerId, type Rpc } from '@p2pos/protocol/rpc';
import { type Host, isDialable } from './host.ts';
import type { PageMembership } from './page-membership.ts';

export interface PageMesh extends AsyncDisposable {
  /** Members and others that are connected and answered. */
  reachable(): PeerId[];
  /** Peers that have shown what they hold since they were connected. */
  witnesses(): PeerId[];
  /** Addresses worth a try. */
  learn(addresses: readonly string[]): void;
  /** Resolves when the first peer has shown its membership; rejects when none of the addresses led anywhere. */
  readonly first: Promise<void>;
  /** Resolves at the next change of who is connected or shown. */
  change(): Promise<void>;
}

export interface PageMeshDeps {
  readonly host: Host;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly membership: PageMembership;
  readonly puller: Puller;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface PageMeshConfig {
  readonly addresses: readonly string[];
  readonly wantedConnections: number;
  /** Between two looks at each connected peer. */
  readonly intervalMs: number;
}

const DIAL_TIMEOUT_MS = 5_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** Looks in a row that a peer may leave unanswered. */
const MISSES = 2;
const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
const MAX_ADDRESSES = 1_024;

interface Known {
  readonly address: string;
  readonly peerId: PeerId;
  failures: number;
  notBefore: number;
}

export function createPageMesh(deps: PageMeshDeps, config: PageMeshConfig): PageMesh {
  const { host, rpc, membership, puller, clock, random } = deps;
  const ending = new AbortController();
  const { signal } = ending;
  const known = new Map<string, Known>();
  const shown = new Set<PeerId>();
  const misses = new Map<PeerId, number>();
  const dialling = new Set<PeerId>();
  const looking = new Set<PeerId>();
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => {});
  const reasons = new Set<string>();
  let next = Promise.withResolvers<void>();
  let wake = Promise.withResolvers<void>();

  const connected = () => [...new Set(host.connections().map(({ peerId }) => peerId))];

  function changed(): void {
    const peers = new Set(connected());
    for (const peerId of shown) if (!peers.has(peerId)) shown.delete(peerId);
    for (const peerId of misses.keys()) if (!peers.has(peerId)) misses.delete(peerId);
    next.resolve();
    next = Promise.withResolvers();
    wake.resolve();
  }
  host.changed.listener = changed;

  function learn(addresses: readonly string[]): void {
    for (const address of addresses) {
      const peerId = /\/p2p\/([^/]+)$/.exec(address)?.[1];
      if (!peerId || peerId === host.peerId || known.has(address) || !isDialable(address)) continue;
      if (known.size >= MAX_ADDRESSES) return;
      known.set(address, { address, peerId, failures: 0, notBefore: 0 });
    }
    wake.resolve();
  }

  /** The most promising address of each peer that is not connected: members before others, fewer failures first. */
  function candidates(): Known[] {
    const now = clock.monotonic();
    const isListed = (peerId: PeerId) => membership.view().members.has(peerId);
    const open = [...known.values()].filter(
      ({ peerId, notBefore }) => notBefore <= now && !connected().includes(peerId) && !dialling.has(peerId),
    );
    const order = open
      .map((one) => ({ one, rank: (isListed(one.peerId) ? 0 : 100) + one.failures + random() }))
      .toSorted((a, b) => a.rank - b.rank);
    return [...new Map(order.toReversed().map(({ one }) => [one.peerId, one])).values()].toReversed();
  }

  async function dial(one: Known): Promise<void> {
    dialling.add(one.peerId);
    try {
      using limit = deadline(clock, DIAL_TIMEOUT_MS, { what: `Node ${one.peerId}`, signal });
      await host.dial(one.address, { signal: limit.signal });
      const answered = await look(one.peerId);
      // Who is slow is asked again.
      if (answered && membership.view().epoch === 0)
        failed(one, 'who is there shows no membership of this system');
      else one.failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failed(one, isP2posError(error) ? String(error.details['reason'] ?? error.message) : String(error));
    } finally {
      dialling.delete(one.peerId);
      wake.resolve();
    }
  }

  function failed(one: Known, why: string): void {
    reasons.add(why);
    one.failures++;
    const delayMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** Math.min(10, one.failures));
    one.notBefore = clock.monotonic() + delayMs * (0.5 + random() / 2);
    if ([...known.values()].some(({ failures }) => failures === 0)) return;
    const reason = [...reasons].slice(0, 3).join('; ');
    first.reject(new P2posError('JOIN_UNREACHABLE', { addresses: known.size, reason }));
  }

  /** Whether it is there, and takes what it knows more than we do; false: it did not answer. */
  async function look(peerId: PeerId): Promise<boolean> {
    if (looking.has(peerId)) return false;
    looking.add(peerId);
    try {
      const options = { timeoutMs: ANSWER_TIMEOUT_MS, signal };
      const heads = await rpc.call(peerId, MEMBERSHIP, 'heads', {}, options);
      misses.delete(peerId);
      if (puller.lacks(heads) || !membership.status().founded) await puller.pull(peerId, signal);
      learn([...membership.view().members.values()].flatMap(({ addresses }) => addresses));
      if (!shown.has(peerId) && connected().includes(peerId)) {
        shown.add(peerId);
        changed();
        void ask(peerId);
      }
      if (membership.view().epoch > 0) first.resolve();
      return true;
    } catch (error) {
      if (signal.aborted || isP2posError(error, 'OVERLOADED')) return false;
      const count = (misses.get(peerId) ?? 0) + 1;
      misses.set(peerId, count);
      if (count >= MISSES || isP2posError(error, 'PEER_PROTOCOL')) await host.hangUp(peerId);
      return false;
    } finally {
      looking.delete(peerId);
    }
  }

  /** A member may ask where the others are. */
  async function ask(peerId: PeerId): Promise<void> {
    if (!membership.isActive(host.peerId)) return;
    const here = new Set(connected());
    const lacking = [...membership.view().members.keys()]
      .filter((member) => member !== host.peerId && !here.has(member))
      .slice(0, PEERS_LIMITS.lacking);
    try {
      const options = { timeoutMs: ANSWER_TIMEOUT_MS, signal };
      const { addresses } = await rpc.call(peerId, PEERS, 'exchange', { known: [], lacking }, options);
      for (const entry of addresses)
        learn(entry.addresses.map((at) => (at.includes('/p2p/') ? at : `${at}/p2p/${entry.peerId}`)));
    } catch {
      // It knows no better than the snapshot.
    }
  }

  async function run(): Promise<void> {
    let lookAt = clock.monotonic() + config.intervalMs;
    while (!signal.aborted) {
      const missing = config.wantedConnections - connected().length - dialling.size;
      if (missing > 0) for (const one of candidates().slice(0, missing)) void dial(one);
      if (clock.monotonic() >= lookAt) {
        for (const peerId of connected()) void look(peerId);
        lookAt = clock.monotonic() + config.intervalMs;
      }
      wake = Promise.withResolvers();
      const pause = new AbortController();
      const waits = sleep(clock, BASE_DELAY_MS, { signal: AbortSignal.any([signal, pause.signal]) });
      await Promise.race([wake.promise, waits]).catch(() => {});
      pause.abort();
      waits.catch(() => {});
    }
  }

  learn(config.addresses);
  if (known.size === 0) {
    const reason = 'none of them is a WebSocket address that ends in /p2p/ and that a page may dial';
    first.reject(new P2posError('JOIN_UNREACHABLE', { addresses: config.addresses.length, reason }));
  }
  const running = run();

  return {
    reachable: () => connected().filter((peerId) => shown.has(peerId) && !misses.has(peerId)),
    witnesses: () => [...shown],
    learn,
    first: first.promise,
    change: () => next.promise,
    async [Symbol.asyncDispose]() {
      ending.abort(new P2posError('CLIENT_CLOSED'));
      await running;
    },
  };
}
