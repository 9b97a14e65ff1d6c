import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createIdentity, createPreKeys } from '@p2pos/protocol/e2ee';
import type { Client, PubsubEvent } from '@p2pos/sdk';
import { createPresence } from './presence.ts';
import { addressOf } from './wallet.ts';

const message = (data: Uint8Array) => ({ type: 'message', data }) as unknown as PubsubEvent;

/** Beats of everybody, in the order of their saying. */
async function setUp(now: () => number) {
  const beats: Uint8Array[] = [];
  const listeners: ((event: PubsubEvent) => void)[] = [];
  const pubsub = {
    async publish(_topic: string, data: Uint8Array) {
      beats.push(data);
      for (const listener of listeners) listener(message(data));
    },
    async *subscribe(_topic: string, { signal }: { signal: AbortSignal }) {
      yield { type: 'open' } as PubsubEvent;
      const queue: PubsubEvent[] = [];
      let wake = () => {};
      listeners.push((event) => {
        queue.push(event);
        wake();
      });
      signal.addEventListener('abort', () => wake());
      while (!signal.aborted) {
        const next = queue.shift();
        if (next) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  const client = { pubsub } as unknown as Pick<Client, 'pubsub'>;
  const devices = new Set<string>();
  const directory = {
    async check(address: string, key: Uint8Array) {
      if (!devices.has(addressOf(key))) throw new P2posError('BAD_REQUEST', { reason: 'no device' });
      return { address, id: '', bundle: {} as never, since: 0 };
    },
  };
  async function come({ known }: { known: boolean }) {
    const [identity, wallet] = [await createIdentity(), await createIdentity()];
    const { bundle } = await createPreKeys(identity, { oneTime: 0 });
    const address = addressOf(wallet.signing.publicKey);
    if (known) devices.add(addressOf(identity.signing.publicKey));
    const signIn = { text: '', signature: new Uint8Array(64) };
    const presence = createPresence(
      { client, directory, device: { address, id: '', signIn, identity, bundle } },
      now,
    );
    const end = new AbortController();
    const changed: (() => void)[] = [];
    presence.onChange(() => {
      for (const listener of changed.splice(0)) listener();
    });
    const running = presence.run(end.signal);
    return {
      address,
      presence,
      change: () => new Promise<void>((resolve) => changed.push(resolve)),
      async [Symbol.asyncDispose]() {
        end.abort();
        await running;
      },
    };
  }
  return { come, beats, publish: (data: Uint8Array) => pubsub.publish('', data) };
}

test('who comes is seen, and sees who is here; a stranger is nobody, and an old beat tells nothing', async () => {
  let at = 1_000_000;
  const world = await setUp(() => at);
  await using alice = await world.come({ known: true });
  const aliceSees = alice.change();
  await using bob = await world.come({ known: true });
  const bobSees = bob.change();
  await Promise.all([aliceSees, bobSees]);
  assert.ok(alice.presence.isHere(bob.address));
  assert.ok(bob.presence.isHere(alice.address));

  // Alice goes; her old beats, and those of a stranger, are published again and again.
  await alice[Symbol.asyncDispose]();
  await using mallory = await world.come({ known: false });
  const recorded = [...world.beats];
  for (const laterMs of [30_000, 15_000]) {
    at += laterMs;
    for (const beat of recorded) await world.publish(beat);
    const newcomer = bob.change();
    await using carol = await world.come({ known: true });
    await newcomer;
    assert.ok(bob.presence.isHere(carol.address));
  }
  assert.equal(bob.presence.isHere(alice.address), false);
  assert.equal(bob.presence.isHere(mallory.address), false);
});
