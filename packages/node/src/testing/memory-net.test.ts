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
