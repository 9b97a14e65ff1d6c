import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Crypto, formatTimestamp } from '@p2pos/protocol';
import { instantCrypto } from '../../testing/instant-crypto.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createTestSystem } from '../../testing/test-system.ts';
import { createHeartbeatReader, sealHeartbeat } from './heartbeat.ts';
import { createInbox } from './inbox.ts';
import type { Heartbeat } from './index.ts';
import { createSightings } from './sightings.ts';

async function createBench() {
  const clock = createManualClock();
  const system = await createTestSystem({ nodes: 4, now: clock.now() });
  const ids = system.nodes.map(({ peerId }) => peerId);
  const listed = new Set(ids.slice(0, 3));
  let verified = 0;
  let hold: Promise<void> | undefined;
  const crypto: Crypto = {
    ...instantCrypto,
    async verify(...args) {
      verified++;
      const valid = await instantCrypto.verify(...args);
      await hold;
      return valid;
    },
  };
  const reader = createHeartbeatReader(crypto, system.systemId);
  const inbox = createInbox(
    {
      self: ids[0] as string,
      reader,
      sightings: createSightings(clock, () => clock.now()),
      isListed: (peerId) => listed.has(peerId),
      listed: () => listed.size,
      correctedNow: () => clock.now(),
      clock,
      accepted() {},
      own() {},
    },
    { windowMs: 300_000 },
  );
  function make(i: number, fields: Partial<Heartbeat> = {}, signer = i): Promise<Uint8Array> {
    const heartbeat: Heartbeat = {
      systemId: system.systemId,
      peerId: ids[i] as string,
      incarnation: 1,
      seq: 1,
      at: formatTimestamp(clock.now()),
      state: 'healthy',
      load: 0,
      disk: { usedBytes: 0, freeBytes: 0 },
      store: { storeId: 's', commits: 0 },
      heads: { epoch: 1, snapshot: '0'.repeat(64), revocations: '0'.repeat(64), keys: '0'.repeat(64) },
      addresses: [],
      version: '',
      ...fields,
    };
    const signing = system.nodes[signer];
    assert.ok(signing);
    return sealHeartbeat(heartbeat, signing.signer, instantCrypto);
  }
  return {
    ids,
    listed,
    make,
    judge: async (document: Uint8Array, from = 2) => inbox.judge(document, ids[from] as string),
    verified: () => verified,
    holdVerification() {
      const { promise, resolve } = Promise.withResolvers<void>();
      hold = promise;
      return resolve;
    },
  };
}

test('copies, older ones and those of no member cost no cryptography', async () => {
  const { make, judge, verified } = await createBench();
  const news = await make(1, { seq: 5 });
  assert.equal(await judge(news), 'accepted');
  assert.equal(verified(), 1);
  assert.equal(await judge(news), 'known');
  assert.equal(await judge(await make(1, { seq: 5, load: 1 })), 'known', 'another of the same number');
  assert.equal(await judge(await make(1, { seq: 4 })), 'older');
  assert.equal(await judge(await make(3)), 'not_member');
  assert.equal(verified(), 1);
});

test('copies that come while the first is being verified cost nothing either', async () => {
  const { make, judge, verified, holdVerification } = await createBench();
  const news = await make(1);
  const release = holdVerification();
  const verdicts = Promise.all([judge(news), judge(news), judge(news)]);
  release();
  assert.deepEqual(await verdicts, ['accepted', 'known', 'known']);
  assert.equal(verified(), 1);
});

test('false signatures do not use up what the true one may say', async () => {
  const { make, judge } = await createBench();
  for (let seq = 1; seq <= 30; seq++) assert.equal(await judge(await make(1, { seq }, 2)), 'forged');
  assert.equal(await judge(await make(1)), 'accepted');
});

test('who says too much is not even verified any more', async () => {
  const { make, judge, verified } = await createBench();
  for (let seq = 1; seq <= 10; seq++) assert.equal(await judge(await make(1, { seq })), 'accepted');
  assert.equal(await judge(await make(1, { seq: 11 })), 'too_many');
  assert.equal(verified(), 10);
});

test('what changed while a signature was verified counts', async () => {
  const { ids, listed, make, judge, holdVerification } = await createBench();
  const release = holdVerification();
  const second = judge(await make(1, { seq: 2 }));
  const first = judge(await make(1, { seq: 1 }));
  release();
  assert.deepEqual(await Promise.all([second, first]), ['accepted', 'older']);
  const releaseAgain = holdVerification();
  const removed = judge(await make(1, { seq: 3 }));
  listed.delete(ids[1] as string);
  releaseAgain();
  assert.equal(await removed, 'not_member');
});

test('signatures under verification are bounded', async () => {
  const { make, judge, holdVerification } = await createBench();
  const release = holdVerification();
  const documents = await Promise.all(Array.from({ length: 300 }, (_, seq) => make(1, { seq: seq + 1 }, 2)));
  const outcomes = Promise.allSettled(documents.map((document) => judge(document)));
  release();
  const refused = (await outcomes).filter(({ status }) => status === 'rejected').length;
  assert.equal(refused, 300 - 256);
});
