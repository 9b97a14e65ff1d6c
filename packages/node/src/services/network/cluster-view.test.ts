import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerStatus } from '@p2pos/protocol';
import fc from 'fast-check';
import { mergeViews, type View } from './cluster-view.ts';

const peer = (peerId: string, fields: Partial<PeerStatus> = {}): PeerStatus => ({
  peerId,
  name: peerId,
  member: true,
  self: false,
  reachability: 'offline',
  state: null,
  heardAt: null,
  connected: false,
  roundTripMs: null,
  addresses: [],
  ...fields,
});

test('the newest heartbeat counts, by incarnation before number', () => {
  const own = [peer('a', { self: true }), peer('c', { incarnation: 2, seq: 1, version: 'new' })];
  const stale: View = { observer: 'b', peers: [peer('c', { incarnation: 1, seq: 99, version: 'old' })] };
  const fresh: View = { observer: 'd', peers: [peer('c', { incarnation: 2, seq: 2, version: 'newest' })] };
  assert.equal(mergeViews(own, [stale])[1]?.version, 'new');
  assert.equal(mergeViews(own, [stale, fresh])[1]?.version, 'newest');
});

test('nobody speaks for this node, nor of those it does not know', () => {
  const own = [peer('a', { self: true, reachability: 'online', state: 'healthy' })];
  const lies: View = { observer: 'b', peers: [peer('a', { incarnation: 9, state: 'degraded' }), peer('x')] };
  assert.deepEqual(mergeViews(own, [lies]), own);
});

const reachability = fc.constantFrom('online', 'suspect', 'offline');
const entry = (peerId: string) =>
  fc
    .record({
      reachability,
      incarnation: fc.integer({ min: 1, max: 3 }),
      seq: fc.integer({ min: 1, max: 3 }),
      seenMsAgo: fc.integer({ min: 0, max: 200_000 }),
    })
    .map((fields) => peer(peerId, { ...fields, version: `${fields.incarnation}.${fields.seq}` }));

test('the order in which members answer changes nothing', () => {
  const views = fc.array(entry('c'), { minLength: 1, maxLength: 5 }).chain((entries) => {
    const all = entries.map((one, i): View => ({ observer: `o${i}`, peers: [one] }));
    return fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }));
  });
  fc.assert(
    fc.property(entry('c'), views, (own, [one, other]) => {
      const [a] = mergeViews([own], one);
      const [b] = mergeViews([own], other);
      const told = ({ version, reachability, seenMsAgo }: PeerStatus) => ({
        version,
        reachability,
        seenMsAgo,
      });
      assert.deepEqual(told(a as PeerStatus), told(b as PeerStatus));
      const seen = [own, ...one.flatMap(({ peers }) => peers)].map(({ seenMsAgo }) => seenMsAgo ?? 0);
      assert.equal(a?.seenMsAgo, Math.min(...seen));
    }),
  );
});

test('what a peer that answers says of itself beats all others, in any order', () => {
  const own = [peer('c', { incarnation: 1, seq: 1, state: 'degraded' })];
  const itself: View = {
    observer: 'c',
    peers: [peer('c', { self: true, incarnation: 1, seq: 2, state: 'healthy' })],
  };
  const other: View = { observer: 'b', peers: [peer('c', { incarnation: 1, seq: 3, state: 'degraded' })] };
  for (const views of [
    [itself, other],
    [other, itself],
  ]) {
    const [merged] = mergeViews(own, views);
    assert.deepEqual([merged?.state, merged?.reachability, merged?.observer], ['healthy', 'online', 'c']);
  }
});
