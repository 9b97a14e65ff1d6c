/** What a replica holds of which it may have promised, on a disk that it lost, not to accept it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RECORDS } from '../format/wire.ts';
import { createTestbed, decode, type Testbed } from '../testing/testbed.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const nameOf = (key: string) => ({ namespace: 'default/kv-cas', partition: bytes(key), key: bytes(key) });

async function read(bed: Testbed, index: number, key: string): Promise<string | undefined> {
  const found = await bed.run(bed.node(index).records.registers.read(nameOf(key)));
  return found && decode(found.value);
}

async function create(bed: Testbed, index: number, key: string, value: string): Promise<string> {
  const { registers } = bed.node(index).records;
  try {
    await registers.change({ ...nameOf(key), value: bytes(value), condition: { kind: 'absent' } });
    return value;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

type On = (peerId: string, method: string, go: () => Promise<unknown>) => Promise<unknown>;

function hook(bed: Testbed, index: number, on: On): void {
  const { rpc } = bed.node(index);
  const { call } = rpc;
  const hooked = (...input: Parameters<typeof call>) => on(input[0], input[2], () => call(...input));
  Object.assign(rpc, { call: hooked });
}

interface Reader {
  /** What the other proposer does: answers Y, or why not. */
  readonly write: (bed: Testbed, index: number, key: string) => Promise<string>;
  readonly look: (bed: Testbed, index: number, key: string) => Promise<string | undefined>;
}

/**
 * Three replicas, of which one has lost its disk: a proposer had A alone accept X; another had the promises of the others
 * and is about to have its Y accepted, when a reader comes.
 */
async function between(
  order: readonly [number, number, number],
  isCut: boolean,
  { write, look }: Reader,
): Promise<void> {
  const key = 'q1';
  await using bed = await createTestbed({ nodes: 5, registers: true, records: { writeTimeoutMs: 20_000 } });
  const peers = bed.nodes().map(({ peerId }) => peerId);
  const replicas = bed
    .node(0)
    .records.locate(nameOf(key))
    .replicas.map((peerId) => peers.indexOf(peerId));
  const [whole, a, lost] = order.map((at) => replicas[at]) as [number, number, number];
  const [one, other] = [0, 1, 2, 3, 4].filter((index) => !replicas.includes(index)) as [number, number];
  const accepted = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const never = () => new Promise<never>(() => {});
  hook(bed, one, async (peerId, method, call) => {
    if (method !== 'write') return call();
    if (peerId !== peers[a]) return never();
    const answer = await call();
    accepted.resolve();
    return answer;
  });
  hook(bed, other, async (peerId, method, call) => {
    if (method === 'prepare' && peerId === peers[a]) return never();
    if (method !== 'write') return call();
    ready.resolve();
    await go.promise;
    return call();
  });
  void create(bed, one, key, 'X');
  await bed.run(accepted.promise);
  await bed.clock.advance(3);
  const second = write(bed, other, key);
  await bed.run(ready.promise);
  await bed.crash(lost);
  bed.replaceDisk(lost);
  await bed.start(lost);
  // By then the second has given up: nothing that the lost disk answered is counted any more.
  await bed.settleStanding(60_000);
  if (isCut) {
    bed.cut(lost, whole);
    // Its new promises lie above all that it may have given before.
    await bed.clock.advance(11_000);
  }
  const seen = await look(bed, lost, key);
  go.resolve();
  const outcome = await bed.run(second);
  const last = await read(bed, whole, key);
  const story = `${order}: saw ${seen}, wrote ${outcome}, read ${last}`;
  assert.ok(seen === undefined || (outcome !== 'Y' && last === seen), story);
}

const READ: Reader = { write: (bed, index, key) => create(bed, index, key, 'Y'), look: read };
/** Tells what it lists only by its key, so Y is that it is deleted. */
const SCAN: Reader = {
  async write(bed, index, key) {
    const wish = { value: null, condition: { kind: 'absent' }, idempotencyKey: 'd' } as const;
    const change = bed.node(index).records.registers.change({ ...nameOf(key), ...wish });
    return change.then(
      () => 'Y',
      (error) => String(error.code),
    );
  },
  async look(bed, index, key) {
    const range = { namespace: nameOf(key).namespace, prefix: bytes(''), limit: 10 };
    const { keys } = await bed.run(bed.node(index).records.registers.scanAll(range));
    return keys.length > 0 ? 'X' : undefined;
  },
};

const ORDERS = [
  [0, 1, 2],
  [1, 0, 2],
  [0, 2, 1],
  [2, 0, 1],
  [1, 2, 0],
  [2, 1, 0],
] as const;

test('what a replica holds that it may have promised against, before it lost its disk, is no part of a majority', async () => {
  for (const order of ORDERS) await between(order, false, READ);
});

test('nor is it where promises were asked for first', async () => {
  for (const order of ORDERS) await between(order, true, READ);
});

test('nor for a list of keys', async () => {
  for (const isCut of [false, true]) for (const order of ORDERS) await between(order, isCut, SCAN);
});

test('it says so, until the register is accepted anew', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const key = 'a';
  await bed.run(create(bed, 0, key, 'v'));
  await bed.crash(2);
  bed.replaceDisk(2);
  await bed.start(2);
  await bed.settleStanding();
  await bed.clock.advance(11_000);
  const { epoch, hash } = bed.node(0).membership.view();
  const input = { epoch, placement: hash, names: [[nameOf(key).namespace, nameOf(key).key, null]] } as never;
  const ask = (method: 'read' | 'digest') =>
    bed.run(bed.node(0).rpc.call(bed.node(2).peerId, RECORDS, method, input, { timeoutMs: 500 })) as Promise<{
      readonly answers?: readonly { readonly result: string; readonly learned?: true }[];
      readonly digests?: readonly unknown[];
    }>;
  const told = async () => {
    const { answers } = await ask('read');
    return [answers?.[0]?.result, answers?.[0]?.learned, (await ask('digest')).digests?.[0] === false];
  };
  assert.deepEqual(await told(), ['found', true, true]);
  // The two others agree.
  assert.equal(await read(bed, 1, key), 'v');
  assert.deepEqual(await told(), ['found', true, true]);
  await bed.crash(1);
  assert.equal(await read(bed, 2, key), 'v');
  assert.deepEqual(await told(), ['found', undefined, false]);
});
