import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../testing/eventually.ts';
import type { Channel, Net } from './index.ts';
import { collect, createTestHost, ECHO, echo, soon, type TestHostConfig } from './test-host.ts';

const HOLD = '/p2pos/hold/1.0.0';
const KIB = 1_024;
const MIB = KIB * KIB;

/** A channel from b to a whose far end is in the test's hands. */
async function channelBetween(a: Net, b: Net): Promise<{ readonly near: Channel; readonly far: Channel }> {
  const arrived = Promise.withResolvers<Channel>();
  using _handling = a.handle(HOLD, arrived.resolve);
  await b.dial(a.addresses(), { signal: soon() });
  const near = await b.open(a.peerId, HOLD, { signal: soon() });
  return { near, far: await arrived.promise };
}

const ways: readonly { readonly name: string; readonly config: TestHostConfig }[] = [
  { name: 'tcp and tls', config: {} },
  { name: 'tcp and noise', config: { encryption: ['noise'] } },
  { name: 'websockets', config: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] } },
];

for (const { name, config } of ways) {
  test(`libp2p: drained() works again and again, and a reader that pauses stops the writer: ${name}`, async () => {
    await using a = await createTestHost(config);
    await using b = await createTestHost({ listen: [] });
    const { near, far } = await channelBetween(a, b);
    const chunk = new Uint8Array(64 * KIB);
    let read = 0;
    let sent = 0;
    far.receive(
      (bytes) => {
        read += bytes.length;
      },
      () => {},
    );
    const send = () => {
      sent += chunk.length;
      return near.send(chunk);
    };
    for (let round = 0; round < 5; round++) {
      far.pause();
      let drained: Promise<void> | undefined;
      // The writer is told to stop within what window, socket and kernel hold.
      for (const end = sent + 64 * MIB; sent < end; ) {
        if (send()) continue;
        drained = near.drained();
        const again = await Promise.race([
          drained.then(() => true),
          still(
            () => read,
            () => sent,
          ),
        ]);
        if (!again) break;
      }
      assert.ok(sent - read < 24 * MIB, `${sent - read} bytes under way in round ${round}`);
      far.resume();
      await drained;
      await eventually(() => assert.equal(read, sent));
    }
    assert.ok(sent > 5 * 64 * KIB);
  });
}

/** Resolves to false once neither number has moved for a while: nothing more will happen by itself. */
async function still(...numbers: readonly (() => number)[]): Promise<false> {
  let last = '';
  let same = 0;
  await eventually(() => {
    const now = numbers.map((number) => number()).join();
    same = now === last ? same + 1 : 0;
    last = now;
    return same > 10;
  });
  return false;
}

test('what a writer that ignores false piles up is its own, and crosses whole', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  const { near, far } = await channelBetween(a, b);
  const body = Uint8Array.from({ length: 8 * MIB }, (_, index) => (index * 7) >>> 2);
  const all = collect(far, body.length);
  for (let at = 0; at < body.length; at += 100_000) near.send(body.subarray(at, at + 100_000));
  assert.equal(Buffer.compare(await all, body), 0);
});

test('bytes that came before the reader listens are not lost, nor is the end', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  const { near, far } = await channelBetween(a, b);
  near.send(Uint8Array.of(1, 2, 3));
  near.close();
  await echo(b, a.peerId, Uint8Array.of(9));
  const got: number[] = [];
  const ended = Promise.withResolvers<Error | undefined>();
  far.receive((chunk) => got.push(...chunk), ended.resolve);
  assert.equal(await ended.promise, undefined);
  assert.deepEqual(got, [1, 2, 3]);
});

test('one side ends and still hears the other', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  const { near, far } = await channelBetween(a, b);
  const heard = collect(near, 5);
  const farEnded = Promise.withResolvers<Error | undefined>();
  far.receive(() => {}, farEnded.resolve);
  near.close();
  assert.equal(await farEnded.promise, undefined);
  far.send(new TextEncoder().encode('hello'));
  assert.equal(new TextDecoder().decode(await heard), 'hello');
  far.close();
});

test('aborting tells both ends once', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  const { near, far } = await channelBetween(a, b);
  const ends: unknown[] = [];
  const reason = new Error('enough');
  const farEnded = Promise.withResolvers<unknown>();
  near.receive(
    () => {},
    (error) => ends.push(error),
  );
  far.receive(() => {}, farEnded.resolve);
  near.abort(reason);
  near.abort(new Error('again'));
  assert.ok((await farEnded.promise) instanceof Error);
  assert.deepEqual(ends, [reason]);
  assert.equal(near.send(Uint8Array.of(1)), false);
  await assert.rejects(near.drained());
  near.close();
  near.pause();
  near.resume();
});

test('a reader that throws loses its channel, not the process', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  const { near, far } = await channelBetween(a, b);
  far.receive(
    () => {
      throw new Error('a fault of ours');
    },
    () => {},
  );
  const ended = Promise.withResolvers<unknown>();
  near.receive(() => {}, ended.resolve);
  near.send(Uint8Array.of(1));
  assert.ok((await ended.promise) instanceof Error);
  assert.deepEqual(await echo(b, a.peerId, Uint8Array.of(7)), Uint8Array.of(7));
});

test('many channels share a connection fairly: a flood on one does not stop another', async () => {
  await using a = await createTestHost();
  await using b = await createTestHost({ listen: [] });
  const { near, far } = await channelBetween(a, b);
  far.receive(
    () => {},
    () => {},
  );
  const chunk = new Uint8Array(64 * KIB);
  let flooding = true;
  const flood = (async () => {
    while (flooding) if (!near.send(chunk)) await near.drained();
  })();
  const echoing = await b.open(a.peerId, ECHO, { signal: soon() });
  const answers: PromiseWithResolvers<void>[] = [];
  echoing.receive(
    () => answers.shift()?.resolve(),
    () => {},
  );
  for (let index = 0; index < 50; index++) {
    const answer = Promise.withResolvers<void>();
    answers.push(answer);
    echoing.send(Uint8Array.of(index));
    await answer.promise;
  }
  flooding = false;
  await flood;
});
