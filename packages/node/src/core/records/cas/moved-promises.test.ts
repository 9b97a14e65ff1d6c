/** What replicas promised goes with the slot, so that a ballot of before a move can undo nothing that was changed after it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion, P2posError } from '@p2pos/protocol';
import { RECORDS } from '../format/wire.ts';
import { type CopyingDeps, createCopying } from '../handover/copying.ts';
import { acceptedOf, draining, plant, registerOf } from '../testing/strays.ts';
import { createTestbed, decode, type Testbed } from '../testing/testbed.ts';
import { createPromises } from './promises.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const FORMER = [0, 1, 2];
const NEW = [3, 4, 5];

const testbed = () =>
  createTestbed({ nodes: 6, members: FORMER, registers: true, records: { readTimeoutMs: 200 } });

function ballotAfter(bed: Testbed, ms: number): string {
  return formatVersion({ ms: bed.clock.now() + ms, counter: 0, author: bed.node(0).peerId });
}

async function promise(bed: Testbed, nodes: readonly number[], keys: readonly string[], ballot: string) {
  for (const index of nodes)
    await createPromises(bed.node(index)).promise(keys.map((key) => ({ name: registerOf(key), ballot })));
}

async function move(bed: Testbed): Promise<void> {
  await bed.giveAll(await bed.snapshot(draining(bed, [...FORMER, ...NEW], FORMER)));
}

function isSettled(bed: Testbed): boolean {
  return NEW.every((index) => bed.node(index).records.moves().unsettled === 0);
}

async function change(bed: Testbed, index: number, key: string, value: string): Promise<string> {
  const asked = { ...registerOf(key), value: bytes(value), condition: { kind: 'any' } } as const;
  return bed.run(
    bed
      .node(index)
      .records.registers.change(asked)
      .then(
        () => 'changed',
        (error) => String(error.code),
      ),
  );
}

async function read(bed: Testbed, index: number, key: string): Promise<string | undefined> {
  const found = await bed.run(bed.node(index).records.registers.read(registerOf(key)));
  return found && decode(found.value);
}

test('new replicas of a register keep the promises of the former ones', async () => {
  await using bed = await testbed();
  const keys = Array.from({ length: 300 }, (_, i) => `key${i}`);
  const ballot = ballotAfter(bed, 5_000);
  // A majority gave them, for changes that were accepted nowhere yet.
  await promise(bed, [0, 1], keys, ballot);
  await move(bed);
  await bed.clock.advance(20_000);
  const peer = (index: number) => bed.node(index).peerId;
  for (const key of keys) {
    const { replicas } = bed.node(3).records.locate(registerOf(key));
    assert.deepEqual([...replicas].sort(), NEW.map(peer).sort());
  }
  for (const index of NEW) {
    assert.deepEqual(bed.node(index).records.moves(), { open: 0, unsettled: 0 });
    const { find } = createPromises(bed.node(index));
    for (const key of keys) assert.equal(await find(registerOf(key)), ballot, `${key} at ${index}`);
  }
});

test('a promise that becomes its record while a new replica copies the slot is known to it as one or the other', async () => {
  await using bed = await testbed();
  const key = 'k';
  const peers = bed.nodes().map(({ peerId }) => peerId);
  // A proposer had the promises of two, and only the third accepted.
  const ballot = ballotAfter(bed, 8_000);
  await promise(bed, [0, 1], [key], ballot);
  const record = await acceptedOf(bed, key, ballot, 'X');
  await plant(bed, 2, [record]);
  const { slot } = bed.node(0).records.locate(registerOf(key));
  const free = Promise.withResolvers<void>();
  const given = Promise.withResolvers<void>();
  let isFree = false;
  let giving = false;
  /** The third gives it to the two others once a new replica has looked through what one of them holds. */
  async function give(): Promise<void> {
    giving = true;
    const { epoch, hash } = bed.node(2).membership.view();
    const records = [[record.header, record.value, record.proof] as const];
    const relay = { epoch, placement: hash, records };
    for (const to of [0, 1])
      await bed.node(2).rpc.call(peers[to] as string, RECORDS, 'relay', relay, { timeoutMs: 900 });
    given.resolve();
  }
  for (const { index, rpc } of bed.nodes()) {
    const { call } = rpc;
    const hooked = async (...input: Parameters<typeof call>) => {
      const [to, , method, body] = input as unknown as [string, unknown, string, { slots?: number[] }];
      const other = peers.indexOf(to);
      const across = NEW.includes(index) !== NEW.includes(other);
      if (!isFree && across && (index === 2 || other === 2))
        throw new P2posError('OVERLOADED', { what: 'All' });
      // Nobody else brings it anywhere meanwhile.
      if (!isFree && ['compare', 'relay'].includes(method) && (across || !giving)) await free.promise;
      const answer = await call(...input);
      if (
        !isFree &&
        NEW.includes(index) &&
        other < 2 &&
        method === 'inventory' &&
        body.slots?.includes(slot)
      ) {
        if (!giving) await give();
        await given.promise;
      }
      return answer;
    };
    Object.assign(rpc, { call: hooked });
  }
  await move(bed);
  await bed.clock.advance(2_000);
  const outcome = await change(bed, 3, key, 'Y');
  const first = await read(bed, 4, key);
  isFree = true;
  free.resolve();
  await bed.clock.advance(30_000);
  assert.deepEqual([await read(bed, 5, key), outcome], [first, 'changed']);
});

test('where a promise cannot be kept because it is far ahead, the slot is not copied yet', async () => {
  await using bed = await testbed();
  const ballot = ballotAfter(bed, 40_000);
  await promise(bed, [0, 1], ['k'], ballot);
  await move(bed);
  await bed.clock.advance(20_000);
  assert.equal(isSettled(bed), false);
  await bed.clock.advance(20_000);
  assert.equal(isSettled(bed), true);
  for (const index of NEW) assert.equal(await createPromises(bed.node(index)).find(registerOf('k')), ballot);
});

test('what a replica may have promised on a disk that it lost keeps new replicas from taking a lower ballot', async () => {
  await using bed = await testbed();
  const key = 'k';
  const ballot = ballotAfter(bed, 8_000);
  const record = await acceptedOf(bed, key, ballot, 'X');
  await promise(bed, [0, 1], [key], ballot);
  await bed.crash(0);
  bed.replaceDisk(0);
  await bed.start(0);
  await bed.clock.advanceUntil(() => bed.node(0).records.repair.standing() === 'voter', {
    stepMs: 5,
    limitMs: 60_000,
  });
  // The one that remembers is out of reach, and what the third accepts is still on its way to its disk.
  for (const index of NEW) bed.cut(1, index);
  await move(bed);
  await bed.clock.advance(1_000);
  const early = await change(bed, 3, key, 'Y');
  await bed.clock.advance(30_000);
  if (early !== 'changed') assert.equal(await change(bed, 3, key, 'Y'), 'changed');
  await plant(bed, 2, [record]);
  await bed.crash(2);
  await bed.start(2);
  await bed.clock.advance(30_000);
  assert.equal(await read(bed, 5, key), 'Y');
});

test('who came to be a learner while its promises were read does not vouch for them', async () => {
  const PAGE = [{ id: 1, name: registerOf('a'), ballot: '0' }];
  let votes = true;
  const copying = createCopying({
    replica: { admit: () => ({ confirm() {} }) },
    topology: { moves: { ring: () => ({ closed: new Uint32Array(4) }) } },
    standing: { votes: () => votes, votesOn: (slot: number) => votes || slot === 2 },
    promises: {
      async page() {
        votes = false;
        return PAGE;
      },
    },
    declarations: { get: () => undefined },
    now: () => 0,
  } as unknown as CopyingDeps);
  const input = { epoch: 1, placement: new Uint8Array(32), count: 3, slots: [1, 2], after: 0 };
  votes = true;
  assert.deepEqual((await copying.promised(input, 'x')).learning, [1]);
});
