import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, Net } from '../core/net/index.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryHub } from './memory-net.ts';

const never = new AbortController().signal;

async function pair(config = {}) {
  const clock = createManualClock();
  const hub = createMemoryHub({ clock }, config);
  const a = hub.join('a');
  const b = hub.join('b');
  await a.start();
  await b.start();
  await a.dial([hub.addressOf('b')], { signal: never });
  return { clock, hub, a, b };
}

function collect(net: Net, protocol: string) {
  const got: string[] = [];
  const ends: (Error | undefined)[] = [];
  const channels: Channel[] = [];
  net.handle(protocol, (channel) => {
    channels.push(channel);
    channel.receive(
      (chunk) => got.push(new TextDecoder().decode(chunk)),
      (error) => ends.push(error),
    );
  });
  return { got, ends, channels };
}
const bytes = (text: string) => new TextEncoder().encode(text);

test('chunks cross in order after the latency', async () => {
  const { clock, a, b } = await pair({ latencyMs: 5 });
  const seen = collect(b, '/x/1');
  const channel = await a.open('b', '/x/1', { signal: never });
  channel.send(bytes('1'));
  channel.send(bytes('2'));
  await clock.advance(4);
  assert.deepEqual(seen.got, []);
  await clock.advance(1);
  assert.deepEqual(seen.got, ['1', '2']);
});

test('a partition loses bytes silently and leaves the link half-open; healing does not bring them back', async () => {
  const { clock, hub, a, b } = await pair();
  const seen = collect(b, '/x/1');
  const channel = await a.open('b', '/x/1', { signal: never });
  await clock.advance(0);
  hub.partition(['a'], ['b']);
  channel.send(bytes('lost'));
  await clock.advance(0);
  hub.heal();
  channel.send(bytes('kept'));
  await clock.advance(0);
  assert.deepEqual(seen.got, ['kept']);
  assert.equal(b.isConnected('a'), true);
});

test('what waits on a cut link goes on waiting while others are cut and healed', async () => {
  const { clock, hub, a, b } = await pair({ cut: 'held' });
  const seen = collect(b, '/x/1');
  const channel = await a.open('b', '/x/1', { signal: never });
  await clock.advance(0);
  hub.setCuts([['a', 'b']]);
  channel.send(bytes('held'));
  await clock.advance(0);
  hub.setCuts([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  hub.setCuts([['a', 'b']]);
  await clock.advance(0);
  assert.deepEqual(seen.got, []);
  hub.setCuts([]);
  assert.deepEqual(seen.got, ['held']);
});

test('an end that hangs up over a cut link is the only one that knows', async () => {
  const { hub, a, b } = await pair();
  hub.partition(['a'], ['b']);
  await a.hangUp('b');
  assert.equal(a.isConnected('b'), false);
  assert.equal(b.isConnected('a'), true);
});

test('a reader that pauses stops the sender', async () => {
  const { clock, a, b } = await pair({ highWaterBytes: 10 });
  const seen = collect(b, '/x/1');
  const channel = await a.open('b', '/x/1', { signal: never });
  await clock.advance(0);
  seen.channels[0]?.pause();
  assert.equal(channel.send(bytes('12345678')), true);
  assert.equal(channel.send(bytes('12345678')), false);
  let drained = false;
  void channel.drained().then(() => {
    drained = true;
  });
  await clock.advance(0);
  assert.equal(drained, false);
  seen.channels[0]?.resume();
  await clock.advance(0);
  assert.equal(drained, true);
});

test('a peer that goes away ends its channels with an error', async () => {
  const { clock, a, b } = await pair();
  const seen = collect(b, '/x/1');
  const gone: string[] = [];
  b.events.on('peer:disconnected', (peerId) => gone.push(peerId));
  await a.open('b', '/x/1', { signal: never });
  await clock.advance(0);
  await a[Symbol.asyncDispose]();
  assert.equal(seen.ends.length, 1);
  assert.ok(seen.ends[0] instanceof Error);
  assert.deepEqual(gone, ['a']);
});

for (const how of ['reset', 'silent'] as const) {
  test(`a process that is dead (${how}) neither hears nor is heard, whatever of it still runs`, async () => {
    const { clock, hub, a, b } = await pair({ latencyMs: 5 });
    const [atA, atB] = [collect(a, '/x/1'), collect(b, '/x/1')];
    const gone: string[] = [];
    b.events.on('peer:disconnected', (peerId) => gone.push(peerId));
    const fromA = await a.open('b', '/x/1', { signal: never });
    const fromB = await b.open('a', '/x/1', { signal: never });
    await clock.advance(10);
    fromA.send(bytes('on its way'));
    a.crash(how);
    fromA.send(bytes('too late'));
    fromB.send(bytes('to nobody'));
    await a[Symbol.asyncDispose]();
    await assert.rejects(a.dial([hub.addressOf('b')], { signal: never }), { code: 'PEER_UNREACHABLE' });
    assert.deepEqual(gone, []);
    await clock.advance(5);
    assert.deepEqual(gone, how === 'reset' ? ['a'] : []);
    await clock.advance(60_000);
    assert.deepEqual([atA.got, atB.got], [[], ['on its way']]);
    assert.equal(b.isConnected('a'), how === 'silent');
    assert.equal(atB.ends.length, how === 'reset' ? 1 : 0);
  });
}

test('nobody hears of a death across a cut link before it is whole', async () => {
  const { clock, hub, a, b } = await pair({ cut: 'held', latencyMs: 1 });
  hub.setCuts([['a', 'b']]);
  a.crash('reset');
  await clock.advance(60_000);
  assert.equal(b.isConnected('a'), true);
  hub.heal();
  assert.equal(b.isConnected('a'), false);
});

test('what a dead machine sent over a cut link is lost, and its next life is not touched by the end of the former', async () => {
  const { clock, hub, a, b } = await pair({ cut: 'held', latencyMs: 1 });
  const seen = collect(b, '/x/1');
  const channel = await a.open('b', '/x/1', { signal: never });
  await clock.advance(5);
  hub.setCuts([['a', 'b']]);
  channel.send(bytes('lost'));
  await clock.advance(5);
  a.crash('silent');
  hub.heal();
  const next = hub.join('a');
  await next.start();
  await next.dial([hub.addressOf('b')], { signal: never });
  assert.equal(seen.ends.length, 1);
  await a[Symbol.asyncDispose]();
  await clock.advance(60_000);
  assert.deepEqual([b.isConnected('a'), next.isConnected('b'), seen.got], [true, true, []]);
});

test('one who comes back refuses what is meant for its former life', async () => {
  const { clock, hub, a, b } = await pair({ latencyMs: 1 });
  const seen = collect(a, '/x/1');
  const channel = await b.open('a', '/x/1', { signal: never });
  await clock.advance(5);
  a.crash('silent');
  const next = hub.join('a');
  const anew = collect(next, '/x/1');
  await next.start();
  channel.send(bytes('stale'));
  await clock.advance(1);
  assert.equal(b.isConnected('a'), true);
  await clock.advance(1);
  assert.deepEqual([b.isConnected('a'), seen.got, anew.got], [false, [], []]);
});

test('what comes to and from a frozen peer waits until it thaws', async () => {
  const { clock, hub, a, b } = await pair({ latencyMs: 1 });
  const seen = collect(b, '/x/1');
  const channel = await a.open('b', '/x/1', { signal: never });
  await clock.advance(5);
  const frozen = hub.freeze('b');
  channel.send(bytes('later'));
  await clock.advance(60_000);
  assert.deepEqual(seen.got, []);
  frozen[Symbol.dispose]();
  assert.deepEqual(seen.got, ['later']);
});
