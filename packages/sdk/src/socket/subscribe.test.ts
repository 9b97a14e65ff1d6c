/** A subscription whose socket is lost: when it asks again, for what, and when it does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createPubsubClient, type PubsubEvent } from '../pubsub.ts';
import { createManualTiming } from '../testing/manual-timing.ts';
import { settle } from '../testing/played-network.ts';
import type { Link, Listener } from './link.ts';
import { createSubscribe } from './subscribe.ts';

interface Asked {
  readonly at: number;
  readonly node: number;
  readonly sinceMs?: number;
}

function createPlayed({ nodes = 1, linkMs = 0 } = {}) {
  const timing = createManualTiming();
  const asked: Asked[] = [];
  let online = true;
  let back = () => {};
  let listener: Listener | undefined;
  const linkTo = (node: number): Link => ({
    open: async () => {},
    isOpen: () => true,
    close() {},
    start(frame, one) {
      listener = one;
      asked.push({ at: timing.now(), node, ...(frame(1) as object) });
      queueMicrotask(() => one.onEvent({ id: 1, type: 'open', confirmedBy: [], unconfirmed: [] }));
      return { stop() {} };
    },
  });
  const transport = {
    async link(node: number) {
      if (asked.length > 0 && linkMs > 0)
        await new Promise<void>((resolve) => void timing.after(linkMs, resolve));
      return linkTo(node);
    },
  };
  const once = (run: () => void) => {
    back = run;
    return () => {};
  };
  const deps = { transport, timing, online: { isOnline: () => online, onceOnline: once } };
  const closed = new AbortController();
  const subscribe = createSubscribe(
    { ...deps, closed: closed.signal },
    { nodes, baseDelayMs: 100, maxDelayMs: 100 },
  );
  const client = createPubsubClient({ call: () => assert.fail('nothing is called'), subscribe, timing });
  const events = client.subscribe('a')[Symbol.asyncIterator]();
  return {
    asked,
    next: async () => ((await events.next()) as IteratorYieldResult<PubsubEvent>).value,
    tell: (event: object) => listener?.onEvent({ id: 1, ...event } as never),
    async lose(error: P2posError) {
      listener?.onEnd(error);
      await settle();
    },
    async pass(ms: number) {
      timing.after(ms, () => {});
      for (const until = timing.now() + ms; timing.now() < until; ) await timing.next();
    },
    async setOnline(value: boolean) {
      online = value;
      if (value) back();
      await settle();
    },
  };
}

const gone = () => new P2posError('NODE_UNREACHABLE', { url: 'u', reason: 'gone' });

test('what was published while there was no network is asked for as well, however long the way back takes', async () => {
  const played = createPlayed({ linkMs: 3_000 });
  assert.equal((await played.next()).type, 'open');
  const again = played.next();
  await settle();
  await played.pass(5_000);
  await played.setOnline(false);
  await played.lose(gone());
  await played.pass(20_000);
  await played.setOnline(true);
  await played.pass(3_000);
  assert.equal((await again).type, 'open');
  const [, second] = played.asked;
  assert.equal(second?.at, 28_000);
  assert.ok((second?.sinceMs ?? 0) >= 28_000, `${second?.sinceMs}`);
});

test('who wanted to be disconnected when slow is, and asks nobody else', async () => {
  const played = createPlayed({ nodes: 2 });
  assert.equal((await played.next()).type, 'open');
  const end = assert.rejects(played.next(), { code: 'PUBSUB_TOO_SLOW' });
  await settle();
  await played.lose(new P2posError('PUBSUB_TOO_SLOW', { queued: 8_192 }));
  await end;
  assert.equal(played.asked.length, 1);
});
