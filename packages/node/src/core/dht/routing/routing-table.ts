/**
 * Who is known, by distance: one bucket of at most k for each number of leading bits shared with our own id, and as many
 * spares (Kademlia, 2002, §2.2, §4.1). Only peers enter that were heard themselves. A full bucket keeps its old ones: the
 * one heard of least recently is asked, and makes way only if it does not answer.
 */
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Contact } from '../index.ts';
import type { NetworkGroup } from './network-group.ts';
import { commonBits, compareDistance, type NodeId } from './node-id.ts';

export interface RoutingTableDeps {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Where the peer was seen to come from. */
  readonly networkOf: (contact: Contact) => NetworkGroup | undefined;
  /** Asks whether it is there, and tells `seen` or `failed`. */
  readonly probe: (contact: Contact) => void;
}

export interface RoutingTableConfig {
  /** Contacts in a bucket. */
  readonly k: number;
  /** Of one network in a bucket. */
  readonly perNetwork: number;
  /** Heard of within this time, one is not asked whether it is there. */
  readonly freshMs: number;
  /** Failures after which one is forgotten although nobody would take its place. */
  readonly maxFailures: number;
}

interface Entry {
  contact: Contact;
  readonly id: NodeId;
  readonly network: NetworkGroup | undefined;
  seenAt: number;
  failures: number;
}

interface Bucket {
  /** Heard of least recently first. */
  readonly entries: Entry[];
  /** Who would take a free place, the newest last. */
  readonly spares: Entry[];
  /** When a lookup last went this way. */
  touchedAt: number;
  probing: boolean;
}

export interface RoutingTable {
  /** It answered or asked. */
  seen(contact: Contact, id: NodeId): void;
  /** It did not answer. */
  failed(peerId: PeerId, id: NodeId): void;
  remove(peerId: PeerId, id: NodeId): void;
  has(peerId: PeerId, id: NodeId): boolean;
  /** The closest first; none that failed of late, unless there are no others, and not `except`. */
  closest(target: NodeId, count: number, except?: PeerId): Contact[];
  /** How many of the known are closer to the target than this node, counted up to `limit`. */
  closerThanSelf(target: NodeId, limit: number): number;
  /** A lookup for the target was made. */
  touch(target: NodeId): void;
  /** Buckets, by shared bits, through which no lookup went for `ageMs`, up to the deepest with a contact. */
  stale(ageMs: number): number[];
  /** Contacts in the bucket. */
  fill(bits: number): number;
  size(): number;
  contacts(): Contact[];
}

export function createRoutingTable(
  self: NodeId,
  { clock, networkOf, probe }: RoutingTableDeps,
  { k, perNetwork, freshMs, maxFailures }: RoutingTableConfig,
): RoutingTable {
  const buckets: (Bucket | undefined)[] = [];
  let size = 0;

  function bucketAt(bits: number): Bucket {
    let bucket = buckets[bits];
    if (!bucket) {
      while (buckets.length < bits) buckets.push(undefined);
      bucket = { entries: [], spares: [], touchedAt: clock.monotonic(), probing: false };
      buckets[bits] = bucket;
    }
    return bucket;
  }
  const find = (entries: readonly Entry[], peerId: PeerId) =>
    entries.findIndex(({ contact }) => contact.peerId === peerId);
  const fits = ({ entries }: Bucket, network: NetworkGroup | undefined) =>
    network === undefined || entries.filter((entry) => entry.network === network).length < perNetwork;

  function add(bucket: Bucket, entry: Entry): void {
    bucket.entries.push(entry);
    size++;
  }

  function drop(bucket: Bucket, index: number): void {
    bucket.entries.splice(index, 1);
    size--;
    for (let at = bucket.spares.length - 1; at >= 0; at--) {
      const spare = bucket.spares[at] as Entry;
      if (!fits(bucket, spare.network)) continue;
      bucket.spares.splice(at, 1);
      add(bucket, spare);
      return;
    }
  }

  function keepSpare(bucket: Bucket, entry: Entry): void {
    const { spares } = bucket;
    const index = find(spares, entry.contact.peerId);
    if (index >= 0) spares.splice(index, 1);
    spares.push(entry);
    if (spares.length > k) spares.shift();
  }

  /** Asks the one heard of least recently, one at a time. */
  function challenge(bucket: Bucket): void {
    const [oldest] = bucket.entries;
    if (!oldest || bucket.probing || clock.monotonic() - oldest.seenAt < freshMs) return;
    bucket.probing = true;
    probe(oldest.contact);
  }

  /** Those of the range of buckets, the closest first, until there are `count`. */
  function gather(found: Entry[], part: readonly (Bucket | undefined)[], target: NodeId, sound: boolean) {
    const from = found.length;
    for (const bucket of part) {
      if (!bucket) continue;
      for (const entry of bucket.entries) if (!sound || entry.failures === 0) found.push(entry);
    }
    if (found.length - from < 2) return;
    const sorted = found.splice(from).sort((a, b) => compareDistance(a.id, b.id, target));
    for (const entry of sorted) found.push(entry);
  }

  function nearest(target: NodeId, count: number, sound: boolean): Entry[] {
    const found: Entry[] = [];
    const bits = commonBits(self, target);
    // Those in the target's own bucket share more bits with it than all others; those beyond share as many as we do.
    gather(found, [buckets[bits]], target, sound);
    if (found.length < count) gather(found, buckets.slice(bits + 1), target, sound);
    for (let at = Math.min(bits, buckets.length) - 1; at >= 0 && found.length < count; at--)
      gather(found, [buckets[at]], target, sound);
    return found;
  }

  return {
    seen(contact, id) {
      const bits = commonBits(self, id);
      if (bits >= self.length * 8) return;
      const bucket = bucketAt(bits);
      const { entries } = bucket;
      const index = find(entries, contact.peerId);
      if (index >= 0) {
        const [entry] = entries.splice(index, 1) as [Entry];
        entry.seenAt = clock.monotonic();
        entry.failures = 0;
        if (contact.addresses.length > 0) entry.contact = contact;
        entries.push(entry);
        bucket.probing = false;
        return;
      }
      const entry = { contact, id, network: networkOf(contact), seenAt: clock.monotonic(), failures: 0 };
      if (!fits(bucket, entry.network)) return;
      const spare = find(bucket.spares, contact.peerId);
      if (spare >= 0) bucket.spares.splice(spare, 1);
      if (entries.length < k) return add(bucket, entry);
      const failing = entries.findIndex(({ failures }) => failures > 0);
      keepSpare(bucket, entry);
      if (failing >= 0) drop(bucket, failing);
      else challenge(bucket);
    },
    failed(peerId, id) {
      const bucket = buckets[commonBits(self, id)];
      if (!bucket) return;
      const spare = find(bucket.spares, peerId);
      if (spare >= 0) bucket.spares.splice(spare, 1);
      const index = find(bucket.entries, peerId);
      const entry = bucket.entries[index];
      if (!entry) return;
      bucket.probing = false;
      entry.failures++;
      if (bucket.spares.length > 0 || entry.failures >= maxFailures) drop(bucket, index);
    },
    remove(peerId, id) {
      const bucket = buckets[commonBits(self, id)];
      if (!bucket) return;
      const spare = find(bucket.spares, peerId);
      if (spare >= 0) bucket.spares.splice(spare, 1);
      const index = find(bucket.entries, peerId);
      if (index >= 0) drop(bucket, index);
    },
    has: (peerId, id) => find(buckets[commonBits(self, id)]?.entries ?? [], peerId) >= 0,
    closest(target, count, except) {
      let found = nearest(target, count + 1, true);
      if (found.length === 0) found = nearest(target, count + 1, false);
      const result: Contact[] = [];
      for (const { contact } of found) {
        if (contact.peerId === except) continue;
        result.push(contact);
        if (result.length === count) break;
      }
      return result;
    },
    closerThanSelf(target, limit) {
      let count = 0;
      // Whoever shares more bits with the target than we do is closer; within the deeper buckets it must be compared.
      const bits = commonBits(self, target);
      for (let at = Math.min(bits, buckets.length - 1); at < buckets.length && count < limit; at++) {
        for (const { id, failures } of buckets[at]?.entries ?? [])
          if (failures === 0 && compareDistance(id, self, target) < 0) count++;
      }
      return Math.min(count, limit);
    },
    touch(target) {
      const bits = commonBits(self, target);
      const bucket = buckets[Math.min(bits, buckets.length - 1)];
      if (bucket) bucket.touchedAt = clock.monotonic();
    },
    stale(ageMs) {
      const before = clock.monotonic() - ageMs;
      const result: number[] = [];
      for (let bits = 0; bits < buckets.length; bits++) {
        const bucket = buckets[bits];
        // Nobody was there; counted from now on.
        if (!bucket) bucketAt(bits);
        else if (bucket.touchedAt <= before) result.push(bits);
      }
      return result;
    },
    fill: (bits) => buckets[bits]?.entries.length ?? 0,
    size: () => size,
    contacts: () => buckets.flatMap((bucket) => bucket?.entries.map(({ contact }) => contact) ?? []),
  };
}
