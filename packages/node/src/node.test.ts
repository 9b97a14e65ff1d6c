import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isP2posError, toHex } from '@p2pos/protocol';
import { createTestnet } from './testing/testnet.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);

test('five nodes become one healthy system within seconds of virtual time', async () => {
  await using net = await createTestnet(5, { slots: 4_096 });
  await net.settle();
  assert.ok(net.clock.monotonic() < 10_000, `${net.clock.monotonic()} ms`);
  const [node] = net.nodes;
  assert.equal(node?.network.status().members, 5);
  assert.equal(node?.network.peers().filter((peer) => peer.reachability === 'online').length, 5);
});

test('what one node took is read from another, also when a replica is gone', async () => {
  await using net = await createTestnet(5);
  await net.settle();
  const [a, , , d] = net.nodes;
  assert.ok(a && d);
  const receipt = await net.during(a.kv.put({ app: 'default', key: 'k', value: bytes('v') }));
  assert.ok(receipt.durable >= 2);
  const victim = net.nodes.findIndex((node) => node.peerId === receipt.replicas[0]);
  await net.stop(victim);
  const reader = net.nodes.find((node) => node.peerId !== receipt.replicas[0]);
  const { found } = await net.during(reader?.kv.get({ app: 'default', key: 'k' }) ?? Promise.reject());
  assert.equal(text(found?.value), 'v');
});

test('an old copy of a disk is known for one as soon as others were told of anything since, within seconds', async () => {
  await using net = await createTestnet(3);
  await net.settle();
  await net.clock.advance(60_000);
  const term = () => net.disk(1).peek<{ term: number }>('SELECT term FROM repair_self')[0]?.term;
  const before = term();
  const image = net.disk(1).image();
  await net.during(net.nodes[0]?.kv.put({ app: 'default', key: 'k', value: bytes('v') }) ?? Promise.reject());
  await net.clock.advance(3_000);
  await net.crash(1, 'reset');
  net.replaceDisk(1, image);
  await net.start(1);
  await net.until(() => net.nodes[1]?.records.repair.standing() === 'voter');
  assert.notEqual(term(), before, 'it caught up before it counted');
});

test('T1: an older snapshot stays stale after a restart', async () => {
  await using net = await createTestnet(3);
  await net.settle();
  const first = net.snapshot;
  await net.change((members) => members.map((member, i) => (i === 0 ? { ...member, zone: 'eu' } : member)));
  await net.settle();
  await net.stop(1);
  await net.start(1);
  const node = net.nodes[1];
  assert.equal(node?.membership.view().epoch, 2);
  const { signal } = new AbortController();
  const pushed = await net.during(node?.members.push(first.bytes, { signal }) ?? Promise.reject());
  assert.equal(pushed.result, 'stale');
  assert.equal(node?.membership.view().epoch, 2);
});

test('a push is answered when enough members hold it, and else says how few do; the same again asks anew', async () => {
  await using net = await createTestnet(5);
  await net.settle();
  const epochs = () => net.nodes.map((node) => node?.membership.view().epoch);
  async function push(name: string, after = net.snapshot) {
    const members = after.body.members.map((member) => ({ ...member, name: `${member.name}${name}` }));
    const next = await net.system.snapshot({ after, members, issuedAtMs: net.clock.now() });
    const again = async () => {
      const { signal } = new AbortController();
      const started = net.clock.monotonic();
      const pushed = await net.during(net.nodes[0]?.members.push(next.bytes, { signal }) ?? Promise.reject());
      return { ...pushed, ms: net.clock.monotonic() - started };
    };
    return { next, again, first: await again() };
  }
  const one = await push('a');
  assert.equal(one.first.result, 'applied');
  assert.ok(
    one.first.held >= 3 && one.first.members === 5 && one.first.ms < 1_000,
    JSON.stringify(one.first),
  );
  assert.ok(epochs().filter((epoch) => epoch === 2).length >= 3, `${epochs()}`);
  await net.until(() => epochs().every((epoch) => epoch === 2));

  net.partition([0], [1, 2, 3, 4]);
  const two = await push('b', one.next);
  assert.deepEqual([two.first.result, two.first.held, two.first.members], ['applied', 1, 5]);
  assert.ok(two.first.ms <= 2_000);
  assert.deepEqual(epochs(), [3, 2, 2, 2, 2]);
  net.heal();
  await net.until(
    () => epochs().every((epoch) => epoch === 3) && net.nodes[0]?.net.connections().length === 4,
  );
  const again = await two.again();
  assert.ok(again.result === 'stale' && again.held >= 3, JSON.stringify(again));
});

test('T9: a removed member is told, loses its connections and becomes unconfigured at once', async () => {
  await using net = await createTestnet(4);
  await net.settle();
  const gone = net.nodes[3];
  assert.ok(gone);
  await net.change((members) => members.filter((member) => member.peerId !== gone.peerId));
  const started = net.clock.monotonic();
  await net.until(() => gone.state.current() === 'unconfigured' && gone.net.connections().length === 0);
  assert.ok(net.clock.monotonic() - started <= 2_000);
  await assert.rejects(net.during(gone.kv.get({ app: 'default', key: 'k' })), (error) =>
    isP2posError(error, 'STATE_UNCONFIGURED'),
  );
});

test('a stranger becomes a member by a snapshot alone and then serves what the others hold', async () => {
  await using net = await createTestnet(4, { members: 3 });
  await net.settle();
  const [a, , , joiner] = net.nodes;
  assert.ok(a && joiner);
  await net.during(a.kv.put({ app: 'default', key: 'k', value: bytes('v') }));
  assert.equal(joiner.state.current(), 'unconfigured');
  await net.change((members) =>
    [...members, net.system.member(3)].sort((x, y) => (x.peerId < y.peerId ? -1 : 1)),
  );
  await net.settle();
  assert.equal(joiner.state.current(), 'healthy');
  const { found } = await net.during(joiner.kv.get({ app: 'default', key: 'k' }));
  assert.equal(text(found?.value), 'v');
});

test('T8: all nodes restart at once and serve the signed snapshot byte for byte', async () => {
  await using net = await createTestnet(3);
  await net.settle();
  await net.change((members) => members.map((member) => ({ ...member, zone: 'eu/berlin' })));
  await net.settle();
  for (const i of [0, 1, 2]) await net.stop(i);
  for (const i of [0, 1, 2]) await net.start(i);
  await net.settle();
  for (const node of net.nodes)
    assert.equal(toHex(node.membership.view().bytes ?? new Uint8Array()), toHex(net.snapshot.bytes));
});

test('a minority is degraded and refuses what has no majority; after healing all is well', async () => {
  await using net = await createTestnet(3);
  await net.settle();
  net.partition([0], [1, 2]);
  const [lonely, other] = net.nodes;
  assert.ok(lonely && other);
  await net.until(() => lonely.state.current() === 'degraded');
  await assert.rejects(net.during(lonely.kv.put({ app: 'default', key: 'k', value: bytes('a') })), (error) =>
    isP2posError(error, 'RECORDS_QUORUM_LOST'),
  );
  await net.clock.advance(10);
  await net.during(other.kv.put({ app: 'default', key: 'k', value: bytes('b') }));
  net.heal();
  await net.settle();
  const { found } = await net.during(lonely.kv.get({ app: 'default', key: 'k' }));
  assert.equal(text(found?.value), 'b');
});

test('a node that is told another number of replicas does not start where there are records', async () => {
  const records = { replicas: 3 };
  await using net = await createTestnet(3, { records });
  await net.settle();
  const [node] = net.nodes;
  assert.ok(node);
  await net.during(node.kv.put({ app: 'default', key: 'k', value: bytes('v') }));
  await net.stop(2);
  records.replicas = 5;
  await assert.rejects(net.start(2), { code: 'CONFIG_INVALID' });
  records.replicas = 3;
  await net.start(2);
  await net.settle();
});
