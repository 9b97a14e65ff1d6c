/** anchat on real nodes: three people, a node killed under them, one put out of the room, and no plaintext on any disk. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Line } from '../examples/anchat/chat/archive.ts';
import { createChat, type Told } from '../examples/anchat/chat/chat.ts';
import { enroll, openDevice } from '../examples/anchat/chat/directory.ts';
import { createMemoryStore, type Store } from '../examples/anchat/chat/store.ts';
import { createWallet, type Wallet } from '../examples/anchat/chat/wallet.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createIdentity } from '../packages/protocol/src/e2ee/index.ts';
import { type Client, connect } from '../packages/sdk/src/index.ts';
import { startDev } from './harness.ts';

async function enter(client: Client, wallet?: Wallet, store: Store = createMemoryStore()) {
  const device =
    (await openDevice(client, store, Date.now())) ??
    (await enroll(client, store, wallet ?? createWallet((await createIdentity()).signing), {
      now: Date.now(),
    }));
  const chat = createChat({ client, store, device });
  const end = new AbortController();
  const lines: Line[] = [];
  const told: Told[] = [];
  const done = (async () => {
    for await (const one of chat.events({ signal: end.signal })) {
      told.push(one);
      if (one.type === 'line' && !one.pending) lines.push(one.line);
    }
  })();
  return {
    chat,
    client,
    store,
    told,
    address: chat.address,
    said: (room: string) => lines.flatMap(({ where, text }) => (where === `#${room}` ? [text] : [])),
    letters: () =>
      lines.flatMap(({ where, from, text }) => (where.startsWith('#') ? [] : [`${from}: ${text}`])),
    async [Symbol.asyncDispose]() {
      end.abort();
      await done;
      await client.close();
    },
  };
}

test('a room of three: nobody loses a line, who is put out reads nothing new, nodes know nothing', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  assert.equal((await dev.p2pctl('apps', 'create', 'anchat')).code, 0);
  const token = (await dev.p2pctl('apps', 'tokens', 'create', 'anchat', 'kv:*', 'pubsub:*')).stdout.trim();
  const urls = dev.nodes().map(({ http }) => http);
  const through = (i: number) => connect({ url: [...urls.slice(i), ...urls.slice(0, i)], token });
  await using alice = await enter(through(0));
  const bobsWallet = createWallet((await createIdentity()).signing);
  await using bob = await enter(through(1), bobsWallet);
  await using carol = await enter(through(2));

  await alice.chat.join('lobby');
  await alice.chat.say('#lobby', 'before anybody came');
  await alice.chat.invite('lobby', bob.address);
  await alice.chat.invite('lobby', carol.address);
  await bob.chat.join('lobby');
  await carol.chat.join('lobby');
  await alice.chat.say('#lobby', 'xyzzy-one');
  await bob.chat.say('#lobby', 'xyzzy-two');
  await carol.chat.say(alice.address, 'xyzzy-letter');
  await eventually(() => carol.said('lobby').length === 2 && alice.letters().length === 1);
  assert.deepEqual(alice.letters(), [`${carol.address}: xyzzy-letter`]);
  await alice.chat.say(carol.address, 'xyzzy-answer');
  await eventually(() => carol.letters().length === 1);

  // The node that Alice and her messages went through dies.
  dev.kill(0);
  for (let i = 0; i < 10; i++) await alice.chat.say('#lobby', `xyzzy-${i}`);
  const expected = ['xyzzy-one', ...Array.from({ length: 10 }, (_, i) => `xyzzy-${i}`)];
  await eventually(() => bob.said('lobby').length === 11 && carol.said('lobby').length === 12, {
    timeoutMs: 30_000,
  });
  assert.deepEqual(bob.said('lobby'), expected);

  // Carol is put out: what follows is not for her, though she still gets the bytes.
  await alice.chat.remove('lobby', carol.address);
  await alice.chat.say('#lobby', 'xyzzy-without-carol');
  await bob.chat.say('#lobby', 'xyzzy-nor-this');
  await eventually(() => bob.said('lobby').at(-1) === 'xyzzy-without-carol', { timeoutMs: 30_000 });
  await assert.rejects(carol.chat.say('#lobby', 'x'), /not in the room/);
  await assert.rejects(carol.chat.invite('lobby', carol.address), /Only members/);
  assert.equal(carol.said('lobby').length, 12);

  // Bob goes, and comes back as the device that he was: what was said meanwhile comes, and nothing twice.
  await bob[Symbol.asyncDispose]();
  await alice.chat.say('#lobby', 'xyzzy-while-away');
  await using again = await enter(through(2), undefined, bob.store);
  assert.equal(again.chat.device, bob.chat.device);
  await eventually(() => again.said('lobby').length > 0, { timeoutMs: 30_000 });
  assert.deepEqual(again.said('lobby'), ['xyzzy-while-away']);

  // His second device reads nothing of before until the first gives it; then both know the same.
  await using phone = await enter(through(1), bobsWallet);
  await eventually(() => again.told.some(({ type }) => type === 'device'), { timeoutMs: 30_000 });
  assert.deepEqual(await phone.chat.archive.all(), []);
  await again.chat.shareHistory(phone.chat.device);
  await eventually(() => phone.told.some(({ type }) => type === 'history'), { timeoutMs: 30_000 });
  assert.deepEqual(await phone.chat.archive.all(), await again.chat.archive.all());
  await again.chat.say('#lobby', 'xyzzy-from-bob');
  await eventually(() => phone.said('lobby').at(-1) === 'xyzzy-from-bob', { timeoutMs: 30_000 });
  // Nobody else's device can be had so.
  await assert.rejects(again.chat.shareHistory(alice.chat.device), /no such other device/);

  // Mallory has a token of the app and may write every record of it, and still is nobody's member.
  await using mallory = await enter(through(1));
  const held = await mallory.client.kv.cas.get('rooms/lobby');
  const own = await mallory.chat.join('own-room');
  const ownRecord = await mallory.client.kv.cas.get('rooms/own-room');
  assert.deepEqual(own.members, [mallory.address]);
  await mallory.client.kv.cas.compareAndSet('rooms/lobby', ownRecord?.value ?? '', held?.version ?? null);
  await assert.rejects(alice.chat.say('#lobby', 'x'), /The room lobby is refused/);

  const secrets = ['xyzzy', 'before anybody came'];
  for (const { home } of dev.nodes())
    for (const file of readdirSync(join(home, 'data'), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = readFileSync(join(file.parentPath, file.name));
      for (const secret of secrets)
        assert.equal(bytes.includes(secret), false, `${file.name} holds ${secret}`);
    }
});
