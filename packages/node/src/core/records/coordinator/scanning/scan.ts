/**
 * Keys of a namespace over all slots. Replicas tell what they hold in a range of keys; a slot counts when a majority
 * of each of its needed sets has answered. Of what these say of a key the newest version decides, as in a quorum read: so
 * a deleted key stays deleted, and every acknowledged one is there. A key whose write is under way may be there too.
 * Keys of one partition lie in one slot, so only its replicas are asked.
 */
import { equalBytes, isP2posError, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../clock/index.ts';
import type { PeerId } from '../../../net/index.ts';
import { textOfKey } from '../../format/names.ts';
import { MAX_KEY_BYTES } from '../../format/record.ts';
import { MAX_SCAN_LIMIT } from '../../format/wire.ts';
import { type Cover, createCover } from '../../placement/cover.ts';
import type { Era } from '../../placement/eras.ts';
import { reaches, shortfall } from '../../placement/quorum.ts';
import type { Topology } from '../../placement/topology.ts';
import type { CallOptions, RangeKeys, RangeScan } from '../../port.ts';
import { partitionOf, type RecordName } from '../../replica/stored.ts';
import type { ReplicaCalls } from '../calls.ts';
import type { Preference } from '../preference.ts';
import { compare, endOf, type Position } from './position.ts';
import { type RangeAnswer, survey } from './survey.ts';

interface Candidate extends Position {
  readonly slot: number;
  readonly version: string;
  /** Of this version; not who may have promised against it. */
  readonly holders: Set<PeerId>;
  dead: boolean;
  /** Alive but for the time. */
  readonly expired: boolean;
}

interface Page {
  /** Alive, in order, up to `until`. */
  readonly keys: readonly Uint8Array[];
  /** How far the answers reach; undefined: to the end. */
  readonly until: Position | undefined;
  readonly missingSlots: readonly number[];
}

export interface ScanInput extends RangeScan {
  /** Only keys of this one. */
  readonly partition?: Uint8Array;
}

export interface ScannerDeps {
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'ask'>;
  readonly preference: Preference;
  readonly slotOf: (namespace: string, partition: Uint8Array) => number;
  readonly clock: Clock;
  /** Corrected time, ms, once others have told it. */
  readonly trustedNow: () => Promise<number>;
}

export interface ScanOptions extends CallOptions {
  /** Asked where no majority holds the newest version of a key: whether there is something under it. */
  readonly settle?: (name: RecordName) => Promise<boolean>;
}

export interface Scanner {
  scan(input: ScanInput, count: number, options: ScanOptions): Promise<RangeKeys>;
}

const EMPTY = new Uint8Array(0);
/** Greater than all partitions of a key. */
const LAST_PARTITION = new Uint8Array(MAX_KEY_BYTES).fill(0xff);
const LEAST_PAGE = 16;
const RETRY_MS = 25;

export function createScanner(deps: ScannerDeps, { timeoutMs }: { readonly timeoutMs: number }): Scanner {
  const { topology, slotOf, clock, trustedNow } = deps;

  async function readPage(
    { namespace, prefix, limit, partial, partition: only }: ScanInput,
    count: number,
    after: Position | undefined,
    leastPage: number,
    failed: Set<PeerId>,
    { signal, settle }: ScanOptions,
  ): Promise<Page | 'stale'> {
    const era = currentEra();
    if (!era) return 'stale';
    const { epoch, hash } = era;
    const cover = only ? partitionCover(slotOf(namespace, only), count) : topology.moves.cover(count);
    // What a replica holds of a range is its share of the slots; a little more, so that most pages need one round.
    const share = only ? limit : Math.ceil((1.25 * limit * count) / Math.max(1, cover.peers.length));
    const { answers, counts, missingSlots, stale } = await survey(deps, {
      cover,
      input: {
        epoch,
        placement: hash,
        namespace,
        prefix,
        after: after ? { key: after.key, partition: after.partition } : null,
        limit: Math.min(MAX_SCAN_LIMIT, share + leastPage),
        ...(only && { partition: only }),
      },
      // What a majority alone would leave open, the word of all may settle.
      everybody: settle !== undefined,
      timeoutMs,
      signal,
      failed,
    });
    const setsOf = (slot: number) => cover.group(slot)?.sets ?? [];
    if (missingSlots.length > 0 && stale) return 'stale';
    const [first] = missingSlots;
    if (first !== undefined && !partial) {
      throw new P2posError('RECORDS_QUORUM_LOST', {
        ...shortfall(setsOf(first), (peerId) => counts(first, peerId)),
        missingSlots: missingSlots.length,
        retryAfterMs: 1_000,
      });
    }
    const until = frontier(answers.values());
    const missing = new Set(missingSlots);
    const expires = [...answers.values()].some(({ keys }) => keys.some(([, , , , at]) => at !== null));
    const newest = merge(
      answers,
      until,
      { namespace, only, time: expires ? await trustedNow() : 0 },
      (slot, peerId) => counts(slot, peerId) && setsOf(slot).some((set) => set.includes(peerId)),
    );
    if (settle) {
      for (const one of newest) {
        const agreed = reaches(setsOf(one.slot), (peerId) => one.holders.has(peerId));
        if (missing.has(one.slot) || (agreed && !one.expired)) continue;
        one.dead = !(await settle({ namespace, key: one.key, partition: partitionOf(one) }));
      }
    }
    const keys = newest.filter(({ dead, slot }) => !dead && !missing.has(slot)).map(({ key }) => key);
    return { keys, until, missingSlots };
  }

  function currentEra(): Era | undefined {
    try {
      return topology.current();
    } catch (error) {
      if (isP2posError(error, 'PLACEMENT_STALE')) return undefined;
      throw error;
    }
  }

  function partitionCover(slot: number, count: number): Cover {
    return createCover([slot], (one) => topology.moves.required(one, count));
  }

  function merge(
    answers: ReadonlyMap<PeerId, RangeAnswer>,
    until: Position | undefined,
    {
      namespace,
      only,
      time,
    }: { readonly namespace: string; readonly only: Uint8Array | undefined; readonly time: number },
    counts: (slot: number, peerId: PeerId) => boolean,
  ): Candidate[] {
    const isOver = (expiresAt: number | null) => expiresAt !== null && expiresAt <= time;
    const newest = new Map<string, Candidate>();
    for (const [peerId, { keys }] of answers) {
      for (const [key, partition, version, tombstone, expiresAt, learned] of keys) {
        const at = { key, partition: partition ?? EMPTY };
        if (until && compare(at, until) > 0) break;
        if (only && !equalBytes(partition ?? key, only)) continue;
        const name = textOfKey(at);
        const known = newest.get(name);
        const slot = known?.slot ?? slotOf(namespace, partition ?? key);
        if (!counts(slot, peerId)) continue;
        if (known?.version === version && !learned) known.holders.add(peerId);
        if (known && known.version >= version) continue;
        newest.set(name, {
          ...at,
          slot,
          version,
          holders: new Set(learned ? [] : [peerId]),
          dead: tombstone || isOver(expiresAt),
          expired: !tombstone && isOver(expiresAt),
        });
      }
    }
    return [...newest.values()].sort(compare);
  }

  return {
    async scan(input, count, options) {
      const { signal } = options;
      const deadlineAt = clock.monotonic() + timeoutMs;
      const failed = new Set<PeerId>();
      const missing = new Set<number>();
      const keys: Uint8Array[] = [];
      let after: Position | undefined = input.after && { key: input.after, partition: LAST_PARTITION };
      let leastPage = LEAST_PAGE;
      for (let round = 0; ; round++) {
        signal?.throwIfAborted();
        if (round > 0 && clock.monotonic() >= deadlineAt) {
          if (keys.length > 0) return { keys, more: true, missingSlots: [...missing] };
          throw new P2posError('TIMEOUT', { what: 'The replicas', timeoutMs });
        }
        const page = await readPage(input, count, after, leastPage, failed, options);
        if (page === 'stale') {
          await sleep(clock, RETRY_MS, { signal });
          await topology.ready();
          continue;
        }
        for (const slot of page.missingSlots) missing.add(slot);
        for (const key of page.keys) {
          const last = keys.at(-1);
          // One key in several partitions is one key.
          if (last && equalBytes(last, key)) continue;
          if (keys.length === input.limit) return { keys, more: true, missingSlots: [...missing] };
          keys.push(key);
        }
        if (!page.until) return { keys, more: false, missingSlots: [...missing] };
        after = page.until;
        // What does not suffice is mostly deleted, and there may be much more of it.
        leastPage = Math.min(MAX_SCAN_LIMIT, 2 * leastPage);
      }
    },
  };
}

/** The least place up to which every answer is whole. */
function frontier(answers: Iterable<RangeAnswer>): Position | undefined {
  let least: Position | undefined;
  for (const { keys, more } of answers) {
    const end = endOf(keys);
    if (more && end && (!least || compare(end, least) < 0)) least = end;
  }
  return least;
}
