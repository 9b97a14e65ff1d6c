/**
 * Who is known, by distance: one bucket of at most k for each number of leading bits shared with our own id, and as many
 * spares (Kademlia, 2002, §2.2, §4.1). Only peers enter that were heard themselves. A full bucket keeps its old ones: the
 * one heard of least recently is asked, and makes way only if it does not answer.
 */
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Contact } from '../port.ts';
import type { NetworkGroup } from './network-group.ts';
import { commonBits, compareDistance, comparePlaces, headOf, type NodeId } from './node-id.ts';

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
  readonly head: number;
  readonly network: NetworkGroup | undefined;
  seenAt: number;
  failures: number;
  /** Waits for a place. */
  spare: boolean;
}

interface Wanted {
  readonly target: NodeId;
  readonly except: PeerId | undefined;
  /** Also those that failed of late. */
  readonly failing: boolean;
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
  has(peerId: PeerId): boolean;
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
  /** Entries and spares of all buckets. */
  const known = new Map<PeerId, Entry>();
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
  function fits({ entries }: Bucket, network: NetworkGroup | undefined): boolean {
    if (network === undefined) return true;
    let count = 0;
    for (const entry of entries) if (entry.network === network && ++count >= perNetwork) return false;
    return true;
  }
  function add(bucket: Bucket, entry: Entry): void {
    entry.spare = false;
    bucket.entries.push(entry);
    known.set(entry.contact.peerId, entry);
    size++;
  }

  /** A spare takes the free place, the newest that may. */
  function drop(bucket: Bucket, entry: Entry): void {
    const { entries, spares } = bucket;
    known.delete(entry.contact.peerId);
    entries.splice(entries.indexOf(entry), 1);
    size--;
    for (let at = spares.length - 1; at >= 0; at--) {
      const spare = spares[at] as Entry;
      if (!fits(bucket, spare.network)) continue;
      spares.splice(at, 1);
      add(bucket, spare);
      return;
    }
  }

  function dropSpare({ spares }: Bucket, entry: Entry): void {
    known.delete(entry.contact.peerId);
    spares.splice(spares.indexOf(entry), 1);
  }

  /** Asks the one heard of least recently, one at a time. */
  function challenge(bucket: Bucket): void {
    const [oldest] = bucket.entries;
    if (!oldest || bucket.probing || clock.monotonic() - oldest.seenAt < freshMs) return;
    bucket.probing = true;
    probe(oldest.contact);
  }

  /** Adds those of the buckets, the closest first. */
  function gather(found: Entry[], part: readonly (Bucket | undefined)[], wanted: Wanted): void {
    const from = found.length;
    for (const bucket of part) {
      if (!bucket) continue;
      for (const entry of bucket.entries)
        if ((entry.failures === 0 || wanted.failing) && entry.contact.peerId !== wanted.except)
          found.push(entry);
    }
    if (found.length - from < 2) return;
    const { target } = wanted;
    const head = headOf(target);
    const order = (a: Entry, b: Entry) => comparePlaces(a, b, target, head);
    if (from === 0) found.sort(order);
    else for (const entry of found.splice(from).sort(order)) found.push(entry);
  }

  function nearest(count: number, wanted: Wanted): Entry[] {
    const found: Entry[] = [];
    const bits = commonBits(self, wanted.target);
    // Those in the target's own bucket share more bits with it than all others; those beyond share as many as we do.
    gather(found, [buckets[bits]], wanted);
    if (found.length < count) gather(found, buckets.slice(bits + 1), wanted);
    for (let at = Math.min(bits, buckets.length) - 1; at >= 0 && found.length < count; at--)
      gather(found, [buckets[at]], wanted);
    if (found.length > count) found.length = count;
    return found;
  }

  return {
    seen(contact, id) {
      let entry = known.get(contact.peerId);
      const bits = commonBits(self, id);
      if (bits >= self.length * 8) return;
      const bucket = bucketAt(bits);
      const { entries, spares } = bucket;
      const seenAt = clock.monotonic();
      if (entry && !entry.spare) {
        moveLast(entries, entry);
        entry.seenAt = seenAt;
        entry.failures = 0;
        if (contact.addresses.length > 0 && contact.addresses !== entry.contact.addresses)
          entry.contact = contact;
        bucket.probing = false;
        return;
      }
      if (entry) {
        moveLast(spares, entry);
        entry.contact = contact;
        entry.seenAt = seenAt;
      } else {
        const network = networkOf(contact);
        entry = { contact, id, head: headOf(id), network, seenAt, failures: 0, spare: true };
        if (!fits(bucket, network)) return;
        if (entries.length < k) {
          add(bucket, entry);
          return;
        }
        spares.push(entry);
        known.set(contact.peerId, entry);
        if (spares.length > k) dropSpare(bucket, spares[0] as Entry);
      }
      const failing = entries.find(({ failures }) => failures > 0);
      if (failing) drop(bucket, failing);
      else challenge(bucket);
    },
    failed(peerId, id) {
      const bucket = buckets[commonBits(self, id)];
      const entry = known.get(peerId);
      if (!bucket || !entry) return;
      if (entry.spare) {
        dropSpare(bucket, entry);
        return;
      }
      bucket.probing = false;
      entry.failures++;
      if (bucket.spares.length > 0 || entry.failures >= maxFailures) drop(bucket, entry);
    },
    remove(peerId, id) {
      const bucket = buckets[commonBits(self, id)];
      const entry = known.get(peerId);
      if (!bucket || !entry) return;
      if (entry.spare) dropSpare(bucket, entry);
      else drop(bucket, entry);
    },
    has: (peerId) => known.get(peerId)?.spare === false,
    closest(target, count, except) {
      let found = nearest(count, { target, except, failing: false });
      if (found.length === 0) found = nearest(count, { target, except, failing: true });
      return found.map(({ contact }) => contact);
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

function moveLast<T>(items: T[], item: T): void {
  const index = items.indexOf(item);
  for (let at = index; at < items.length - 1; at++) items[at] = items[at + 1] as T;
  items[items.length - 1] = item;
}
