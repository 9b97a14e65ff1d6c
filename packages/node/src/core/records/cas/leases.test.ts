/** Leases over real registers: exclusion, renewal, loss, tokens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, type Testbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const lock = (key: string) => ({ namespace: 'default/kv-cas', partition: bytes(key), key: bytes(key) });

function acquire(bed: Testbed, index: number, holder: string, ttlMs = 6_000) {
  return bed.run(bed.node(index).records.leases.acquire({ ...lock('l'), holder, ttlMs }));
}

test('one holds it; released, the next gets a greater token', async () => {
  await using bed = await createTestbed({ nodes: 4, registers: true });
  const first = await acquire(bed, 0, 'a');
  assert.ok(first);
  assert.equal(await acquire(bed, 1, 'b'), undefined);
  assert.equal(await acquire(bed, 1, 'a'), undefined);
  await bed.run(first[Symbol.asyncDispose]());
  assert.ok(first.lost.aborted);
  const second = await acquire(bed, 1, 'b');
  assert.ok(second && second.token > first.token);
  await bed.run(second[Symbol.asyncDispose]());
});

test('it is renewed by itself, far beyond its time', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const lease = await acquire(bed, 0, 'a');
  assert.ok(lease);
  await bed.clock.advance(60_000);
  assert.equal(lease.lost.aborted, false);
  assert.equal(await acquire(bed, 1, 'b'), undefined);
  await bed.run(lease[Symbol.asyncDispose]());
});

for (const skewMs of [0, 1_900, -1_900]) {
  test(`a holder that is cut off loses it before another gets it, clocks ${skewMs} ms apart`, async () => {
    await using bed = await createTestbed({
      nodes: 4,
      registers: true,
      records: { writeTimeoutMs: 1_000, readTimeoutMs: 1_000 },
      skewMs: (index) => (index === 1 ? skewMs : 0),
    });
    const first = await acquire(bed, 0, 'a');
    assert.ok(first);
    bed.partition([0], [1, 2, 3]);
    let second: Awaited<ReturnType<typeof acquire>>;
    const since = bed.clock.monotonic();
    while (!second) {
      assert.ok(bed.clock.monotonic() - since < 20_000, 'nobody gets it');
      second = await acquire(bed, 1, 'b').catch(() => undefined);
      if (!second) await bed.clock.advance(20);
    }
    assert.ok(first.lost.aborted, 'two hold it');
    assert.ok(second.token > first.token);
    await bed.heal();
    await bed.run(first[Symbol.asyncDispose]());
    assert.equal(await acquire(bed, 2, 'c'), undefined);
    await bed.run(second[Symbol.asyncDispose]());
  });
}

test('holders elsewhere renew and release by their token alone', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const leases = (index: number) => bed.node(index).records.leases;
  const grant = await bed.run(leases(0).take({ ...lock('l'), holder: 'a', ttlMs: 5_000 }));
  assert.ok(grant);
  await bed.clock.advance(4_000);
  assert.equal(await bed.run(leases(1).renew({ ...lock('l'), ...grant, ttlMs: 5_000 })), true);
  await bed.clock.advance(4_000);
  assert.equal(await acquire(bed, 2, 'b'), undefined);
  const stale = { ...lock('l'), holder: 'a', token: grant.token - 1 };
  assert.equal(await bed.run(leases(2).renew({ ...stale, ttlMs: 5_000 })), false);
  assert.equal(await bed.run(leases(2).release(stale)), false);
  assert.equal(await bed.run(leases(2).release({ ...lock('l'), ...grant })), true);
  assert.equal(await bed.run(leases(0).renew({ ...lock('l'), ...grant, ttlMs: 5_000 })), false);
});

for (const wrongMs of [7_200_000, -7_200_000]) {
  test(`a clock that is ${wrongMs} ms off at the start neither takes a lease nor gives one away`, async () => {
    let skewMs = 0;
    let told = true;
    await using bed = await createTestbed({
      nodes: 3,
      registers: true,
      skewMs: (index) => (index === 0 ? skewMs : 0),
      clocks(index) {
        if (index !== 0) return { answered: 2, offsetMs: 0 };
        return told ? { answered: 2, offsetMs: -skewMs } : { answered: 0, offsetMs: 0 };
      },
    });
    const take = (index: number, holder: string) =>
      bed.run(bed.node(index).records.leases.take({ ...lock('l'), holder, ttlMs: 30_000 }));
    const restart = async () => {
      await bed.crash(0);
      skewMs = wrongMs;
      told = false;
      await bed.start(0);
      await bed.clock.advance(20);
      bed.clock.after(300, () => {
        told = true;
      });
    };
    const first = await take(1, 'a');
    assert.ok(first);
    await restart();
    assert.equal(await take(0, 'b'), undefined, 'two hold it');
    await bed.clock.advance(60_000);
    await restart();
    assert.ok(await take(0, 'b'));
    assert.equal(await take(2, 'c'), undefined, 'two hold it');
    // Renewing counts from the true time too.
    await restart();
    const again = await take(0, 'b');
    assert.ok(again);
    await restart();
    assert.equal(
      await bed.run(bed.node(0).records.leases.renew({ ...lock('l'), ...again, ttlMs: 30_000 })),
      true,
    );
    await bed.clock.advance(25_000);
    assert.equal(await take(2, 'c'), undefined, 'two hold it');
    await bed.clock.advance(35_000);
    assert.ok(await take(2, 'c'), 'nobody holds it any more');
  });
}
