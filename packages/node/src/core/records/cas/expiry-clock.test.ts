/** Registers that live for a while, by clocks that are behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestbed, decode, type Testbed } from '../testing/testbed.ts';

const BEHIND_MS = 7_200_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const register = { namespace: 'default/kv-cas', partition: bytes('r'), key: bytes('r') };

function change(bed: Testbed, index: number, value: string, ttlMs?: number) {
  const condition = { kind: 'any' } as const;
  const wish = { ...register, value: bytes(value), condition, ...(ttlMs !== undefined && { ttlMs }) };
  return bed.run(bed.node(index).records.registers.change(wish));
}

async function read(bed: Testbed, index: number) {
  const found = await bed.run(bed.node(index).records.registers.read(register));
  return found && decode(found.value);
}

test('a register that has expired is not read by a clock that is behind until others tell the time', async () => {
  let skewMs = 0;
  let answered = 2;
  await using bed = await createTestbed({
    nodes: 3,
    registers: true,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) =>
      i === 0 ? { answered, offsetMs: answered > 0 ? -skewMs : 0 } : { answered: 2, offsetMs: 0 },
  });
  await change(bed, 1, 'one', 60_000);
  await bed.clock.advance(61_000);
  await bed.crash(0);
  [skewMs, answered] = [-BEHIND_MS, 0];
  await bed.start(0);
  using _told = bed.clock.after(500, () => {
    answered = 2;
  });
  assert.equal(await read(bed, 0), undefined);
});

test('a register is not written for a while, nor read, by a clock that is behind the one other that is heard', async () => {
  let skewMs = 0;
  let answered = 1;
  await using bed = await createTestbed({
    nodes: 3,
    registers: true,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) => (i === 0 ? { answered, offsetMs: -skewMs } : { answered: 2, offsetMs: 0 }),
  });
  await change(bed, 1, 'v', 60_000);
  await bed.clock.advance(61_000);
  await bed.crash(0);
  skewMs = -BEHIND_MS;
  await bed.start(0);
  const seen = await read(bed, 0).catch(({ code }) => code);
  assert.ok(seen === undefined || seen === 'VERSION_AHEAD', `read ${seen}`);
  answered = 2;
});

test('a register that is new is not written for a while by a clock that is behind the one other that is heard', async () => {
  let skewMs = 0;
  let answered = 2;
  await using bed = await createTestbed({
    nodes: 3,
    registers: true,
    skewMs: (i) => (i === 0 ? skewMs : 0),
    clocks: (i) => (i === 0 ? { answered, offsetMs: -skewMs } : { answered: 2, offsetMs: 0 }),
  });
  await bed.crash(0);
  [skewMs, answered] = [-BEHIND_MS, 1];
  await bed.start(0);
  const outcome = await change(bed, 0, 'w', 60_000).then(
    () => 'done',
    ({ code }) => code,
  );
  if (outcome === 'done') assert.equal(await read(bed, 1), 'w');
  else assert.equal(outcome, 'VERSION_AHEAD');
});
