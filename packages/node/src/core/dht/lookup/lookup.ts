/**
 * The iterative search for the k nodes closest to a target (Kademlia, 2002, §2.3) on disjoint paths (S/Kademlia, Baumgart
 * and Mies 2007, §4.4): what a node answers leads only its own path on, and no node is asked by two paths. So a path that
 * fell among liars ends with them while the others arrive.
 */
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Contact } from '../port.ts';
import type { NetworkGroup } from '../routing/network-group.ts';
import { comparePlaces, headOf, type NodeId, type NodeIds } from '../routing/node-id.ts';

export interface LookupDeps<A extends LookupAnswer> {
  readonly clock: Pick<Clock, 'after'>;
  readonly idOf: NodeIds;
  /** Where an answer came from; where it is said to be, before it answered. */
  readonly networkOf: (contact: Contact) => NetworkGroup | undefined;
  /** Whether it may be asked at all. */
  readonly accepts: (peerId: PeerId) => boolean;
  readonly query: (contact: Contact) => Promise<A>;
  /** True: what was sought is found, the search ends. */
  readonly onAnswer?: ((contact: Contact, answer: A) => boolean | Promise<boolean>) | undefined;
}

export interface LookupAnswer {
  readonly closer: readonly Contact[];
}

export interface LookupConfig {
  readonly k: number;
  /** Questions under way at once, those that are slow not counted. */
  readonly alpha: number;
  readonly paths: number;
  /** Of one network among the k; Infinity: any number. */
  readonly perNetwork: number;
  /** A question that takes longer makes room for another one. */
  readonly slowMs: number;
}

export interface LookupResult {
  /** The closest first, at most k: those that answered, and where not all were to be asked, those that were named and did not fail. */
  readonly closest: readonly Contact[];
  /** Questions one after another that led to the closest. */
  readonly hops: number;
  readonly queries: number;
  readonly failures: number;
}

interface Candidate {
  contact: Contact;
  readonly id: NodeId;
  readonly head: number;
  network: NetworkGroup | undefined;
  readonly depth: number;
  state: 'new' | 'asked' | 'slow' | 'answered' | 'failed';
  /** One bit for each path that was told of it. */
  paths: number;
}

interface Path {
  readonly bit: number;
  /** Asked whatever others answer, or the first liar would lead the path to liars alone. */
  readonly seeds: Candidate[];
  /** The closest first. */
  readonly candidates: Candidate[];
  asking: number;
}

/** So many ways out of the own table has each path at least. */
const SEEDS_ASKED = 2;
/** A path remembers this many times k of the closest. */
const SHORTLIST = 3;
/** More that are not where they are said to be lead nowhere. */
const MAX_QUERIES_OF_K = 16;

export function runLookup<A extends LookupAnswer>(
  deps: LookupDeps<A>,
  config: LookupConfig,
  input: LookupInput,
): Promise<LookupResult> {
  return new Promise((resolve, reject) => new Lookup(deps, config, input, resolve, reject).start(input));
}

export interface LookupInput {
  readonly target: NodeId;
  /** The closest that are known here, the closest first. */
  readonly seeds: readonly Contact[];
  /** So many of the closest must have answered; the others among the k may be as they were told. */
  readonly confirm: number;
  readonly signal: AbortSignal;
  /** After this it ends with what it has. */
  readonly timeoutMs: number;
}

class Lookup<A extends LookupAnswer> {
  readonly #deps: LookupDeps<A>;
  readonly #config: LookupConfig;
  readonly #target: NodeId;
  readonly #head: number;
  readonly #confirm: number;
  readonly #resolve: (result: LookupResult) => void;
  readonly #reject: (error: unknown) => void;
  readonly #paths: Path[];
  readonly #known = new Map<PeerId, Candidate>();
  #asking = 0;
  #slow = 0;
  #queries = 0;
  #failures = 0;
  #over = false;
  #stop: (() => void) | undefined = undefined;
  #patience: Disposable | undefined = undefined;

  constructor(
    deps: LookupDeps<A>,
    config: LookupConfig,
    { target, confirm }: LookupInput,
    resolve: (result: LookupResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#deps = deps;
    this.#config = config;
    this.#target = target;
    this.#confirm = confirm;
    this.#head = headOf(target);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#paths = Array.from({ length: config.paths }, (_, index) => ({
      bit: 1 << index,
      seeds: [],
      candidates: [],
      asking: 0,
    }));
  }

  start({ seeds, signal, timeoutMs }: LookupInput): void {
    if (signal.aborted) {
      this.#reject(signal.reason);
      return;
    }
    for (const [index, contact] of seeds.entries())
      this.#learn(this.#paths[index % this.#paths.length] as Path, contact, 1);
    for (const path of this.#paths) path.seeds.push(...path.candidates.slice(0, SEEDS_ASKED));
    const stop = () => {
      this.#end();
      this.#reject(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
    const timer = this.#deps.clock.after(timeoutMs, () => this.#finish());
    this.#stop = () => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', stop);
    };
    this.#advance();
  }

  #end(): void {
    this.#over = true;
    this.#stop?.();
    this.#stopWaiting();
  }

  /** Puts the contact in its place among those of the path. */
  #learn(path: Path, contact: Contact, depth: number): void {
    let candidate = this.#known.get(contact.peerId);
    if (!candidate) {
      if (!this.#deps.accepts(contact.peerId)) return;
      const id = this.#deps.idOf(contact.peerId);
      candidate = {
        contact,
        id,
        head: headOf(id),
        network: this.#deps.networkOf(contact),
        depth,
        state: 'new',
        paths: 0,
      };
      this.#known.set(contact.peerId, candidate);
    } else if (candidate.state === 'new') {
      candidate.contact = joined(candidate.contact, contact);
    }
    if (candidate.paths & path.bit) return;
    candidate.paths |= path.bit;
    const { candidates } = path;
    let low = 0;
    let high = candidates.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = candidates[middle] as Candidate;
      if (comparePlaces(other, candidate, this.#target, this.#head) < 0) low = middle + 1;
      else high = middle;
    }
    if (low >= SHORTLIST * this.#config.k) return;
    candidates.splice(low, 0, candidate);
    if (candidates.length > SHORTLIST * this.#config.k) candidates.pop();
  }

  /** The closest that nobody has asked, among those that must answer. */
  #next({ seeds, candidates }: Path): Candidate | undefined {
    for (const seed of seeds) if (seed.state === 'new') return seed;
    const counts = new NetworkCounts(this.#config.perNetwork);
    let counted = 0;
    for (const candidate of candidates) {
      if (candidate.state === 'failed' || candidate.state === 'slow') continue;
      if (!counts.take(candidate.network)) continue;
      if (candidate.state === 'new') return candidate;
      if (++counted >= this.#confirm) return undefined;
    }
    return undefined;
  }

  #advance(): void {
    const { alpha, k, slowMs } = this.#config;
    while (!this.#over && this.#asking - this.#slow < alpha && this.#queries < MAX_QUERIES_OF_K * k) {
      let best: { readonly path: Path; readonly candidate: Candidate } | undefined;
      for (const path of this.#paths) {
        if (best && path.asking >= best.path.asking) continue;
        const candidate = this.#next(path);
        if (candidate) best = { path, candidate };
      }
      if (!best) break;
      this.#ask(best.path, best.candidate);
    }
    if (this.#asking === 0) this.#finish();
    // Only the slow are left: they have as long again, then the search ends without them.
    else if (this.#asking === this.#slow)
      this.#patience ??= this.#deps.clock.after(slowMs, () => this.#finish());
    else this.#stopWaiting();
  }

  #stopWaiting(): void {
    this.#patience?.[Symbol.dispose]();
    this.#patience = undefined;
  }

  #ask(path: Path, candidate: Candidate): void {
    candidate.state = 'asked';
    path.asking++;
    this.#asking++;
    this.#queries++;
    let slow = false;
    const timer = this.#deps.clock.after(this.#config.slowMs, () => {
      slow = true;
      candidate.state = 'slow';
      this.#slow++;
      this.#advance();
    });
    const ended = () => {
      timer[Symbol.dispose]();
      path.asking--;
      this.#asking--;
      if (slow) this.#slow--;
    };
    this.#deps.query(candidate.contact).then(
      (answer) => {
        ended();
        if (!this.#over) this.#answered(path, candidate, answer);
      },
      () => {
        ended();
        candidate.state = 'failed';
        this.#failures++;
        if (!this.#over) this.#advance();
      },
    );
  }

  #answered(path: Path, candidate: Candidate, answer: A): void {
    candidate.state = 'answered';
    // Where it really is, now that it was reached.
    candidate.network = this.#deps.networkOf(candidate.contact);
    for (const contact of answer.closer) this.#learn(path, contact, candidate.depth + 1);
    const found = this.#deps.onAnswer?.(candidate.contact, answer) ?? false;
    if (found === true) this.#finish();
    else if (found === false) this.#advance();
    else {
      // Counts as under way while it is looked at, so the search does not end without it.
      this.#asking++;
      this.#slow++;
      const looked = (stop: boolean) => {
        this.#asking--;
        this.#slow--;
        if (this.#over) return;
        if (stop) this.#finish();
        else this.#advance();
      };
      found.then(looked, () => looked(false));
      this.#advance();
    }
  }

  #finish(): void {
    if (this.#over) return;
    this.#end();
    const counts = new NetworkCounts(this.#config.perNetwork);
    const closest = [...this.#known.values()]
      .filter(({ state }) => state === 'answered' || (state === 'new' && this.#confirm < this.#config.k))
      .sort((a, b) => comparePlaces(a, b, this.#target, this.#head))
      .filter(({ network }) => counts.take(network))
      .slice(0, this.#config.k);
    this.#resolve({
      closest: closest.map(({ contact }) => contact),
      hops: closest[0]?.depth ?? 0,
      queries: this.#queries,
      failures: this.#failures,
    });
  }
}

/** Counts those of one network; private ranges have none and are not counted. */
class NetworkCounts {
  readonly #limit: number;
  #counts: Map<NetworkGroup, number> | undefined = undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(network: NetworkGroup | undefined): boolean {
    if (network === undefined) return true;
    this.#counts ??= new Map();
    const count = this.#counts.get(network) ?? 0;
    if (count >= this.#limit) return false;
    this.#counts.set(network, count + 1);
    return true;
  }
}

/** One who says where a peer is must not displace what another says. */
function joined(known: Contact, told: Contact): Contact {
  if (
    told.addresses === known.addresses ||
    told.addresses.every((address) => known.addresses.includes(address))
  )
    return known;
  return {
    peerId: known.peerId,
    addresses: [...new Set([...known.addresses, ...told.addresses])].slice(0, 8),
  };
}
