import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { z } from 'zod';
import { silentLogger } from './core/log/index.ts';
import { createRpc, defineCapability } from './core/rpc/index.ts';
import { createStrangers } from './strangers.ts';
import { createManualClock, drain } from './testing/manual-clock.ts';
import { createMemoryHub } from './testing/memory-net.ts';

const ASK = defineCapability('/p2pos/test-ask/1.0.0', {
  ask: { id: 1, input: z.string(), output: z.string() },
});
const { signal } = new AbortController();

async function setUp({ isMember = false } = {}) {
  const clock = createManualClock();
  const hub = createMemoryHub({ clock });
  const [node, peer] = [hub.join('node'), hub.join('peer')];
  await node.start();
  await peer.start();
  const log = silentLogger;
  const strangers = createStrangers({ net: node, isMember: () => isMember, clock, log });
  const rpc = createRpc(
    { net: node, clock, log },
    { admit: (peerId) => strangers.hears(peerId), onMisconduct: strangers.note },
  );
  rpc.serve(ASK, {
    async ask(text) {
      if (text === 'too much') throw new P2posError('OVERLOADED', { what: 'This node' });
      return 'answer';
    },
  });
  const caller = createRpc({ net: peer, clock, log });
  const connect = () => peer.dial([hub.addressOf('node')], { signal });
  const ask = (text: string) =>
    caller.call('node', ASK, 'ask', text, { timeoutMs: 1_000 }).then(
      () => 'answered',
      (error) => error.code as string,
    );
  async function garbage(): Promise<void> {
    const channel = await peer.open('node', ASK.protocol, { signal });
    channel.receive(
      () => {},
      () => {},
    );
    channel.send(new Uint8Array(64).fill(0xff));
    await drain();
    await clock.advance(10);
  }
  await connect();
  return { clock, node, peer, connect, ask, garbage, strangers };
}

test('a stranger that floods is banned, and heard again after a while', async () => {
  const { clock, node, connect, ask } = await setUp();
  let banned = false;
  for (let round = 0; round < 12 && !banned; round++) {
    await Promise.all(Array.from({ length: 500 }, () => ask('too much')));
    banned = !node.isConnected('peer');
  }
  assert.equal(banned, true);
  await connect().catch(() => {});
  await clock.advance(100);
  assert.equal(node.isConnected('peer'), false, 'it does not come back at once');
  await clock.advance(10 * 60_000);
  await connect();
  assert.equal(await ask('hello'), 'answered');
});

test('a stranger that sends garbage is banned at the third time, a member is only disconnected', async () => {
  for (const isMember of [false, true]) {
    const { connect, garbage, ask, clock, node } = await setUp({ isMember });
    for (let time = 1; time <= 3; time++) {
      await garbage();
      assert.equal(node.isConnected('peer'), false, `${time}`);
      await connect().catch(() => {});
      await clock.advance(10);
    }
    assert.equal(node.isConnected('peer'), isMember);
    if (isMember) assert.equal(await ask('hello'), 'answered');
  }
});

test('a stranger that keeps to its share is heard', async () => {
  const { ask } = await setUp();
  for (let i = 0; i < 1_000; i++) assert.equal(await ask('hello'), 'answered');
});
