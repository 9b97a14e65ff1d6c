/** Rounds that overtake each other: what is told of a smaller ballot when a greater one has been accepted meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatVersion } from '@p2pos/protocol';
import { storeThrough } from '../../../testing/store-through.ts';
import { leafHash } from '../format/merkle.ts';
import { encodeHeader } from '../format/record.ts';
import { type Sealed, seal } from '../format/seal.ts';
import { type Placed, type PromiseAnswer, RECORDS, type RecordBody } from '../format/wire.ts';
import { createTestbed, decode, type Testbed, type TestbedConfig } from '../testing/testbed.ts';
import { encodeState, expiredState } from './state.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const NAME = { namespace: 'default/kv-cas', partition: bytes('a'), key: bytes('a') };

/** Five nodes, of which two are no replicas of the key; of the replicas, the first hears nothing of the first of those. */
async function openBed(config: Partial<TestbedConfig> = {}) {
  const bed = await createTestbed({ nodes: 5, registers: true, ...config });
  const peers = bed.nodes().map(({ peerId }) => peerId);
  const { replicas } = bed.node(0).records.locate(NAME);
  const [apart, ...others] = replicas.map((peerId) => peers.indexOf(peerId)) as [number, number, number];
  const [one, other] = [0, 1, 2, 3, 4].filter((index) => !replicas.includes(peers[index] as string)) as [
    number,
    number,
  ];
  bed.cut(one, apart);
  return { bed, one, other, late: others[1] as number };
}

function change(bed: Testbed, index: number, value: string) {
  const { registers } = bed.node(index).records;
  return registers.change({ ...NAME, value: bytes(value), condition: { kind: 'any' } });
}

interface Told {
  readonly answers: readonly PromiseAnswer[];
}

/** Comes between what `late` answers and what `one` hears of the promises that it asks for. */
function listen(
  bed: Testbed,
  one: number,
  late: number,
  hear: (answer: Told, asked: Placed) => Promise<Told>,
): void {
  const { rpc } = bed.node(one);
  const { call } = rpc;
  async function heard(...input: Parameters<typeof call>): Promise<unknown> {
    const [peerId, , method, asked] = input;
    const answer = await call(...input);
    const isMeant = method === 'prepare' && peerId === bed.node(late).peerId;
    return isMeant ? hear(answer as Told, asked as Placed) : answer;
  }
  Object.assign(rpc, { call: heard });
}

async function takesEffect(bed: Testbed, index: number, work: Promise<unknown>): Promise<void> {
  await bed.run(work);
  const found = await bed.run(bed.node(index).records.registers.read(NAME));
  assert.equal(found && decode(found.value), 'one');
}

test('a promise that was overtaken while it went to the disk is none: the change is tried again', async () => {
  const slow = { index: -1, until: Promise.withResolvers<void>() };
  const { bed, one, other, late } = await openBed({
    wrapStore: (index, store) =>
      storeThrough(store, {
        async write(statements) {
          const results = await store.write(statements);
          const promises = statements.some(({ sql }) => sql.includes('INSERT INTO register_promises'));
          if (slow.index === index && promises) await slow.until.promise;
          return results;
        },
      }),
  });
  await using _bed = bed;
  const told: unknown[] = [];
  listen(bed, one, late, async (answer) => {
    told.push(answer.answers[0]?.result);
    return answer;
  });
  slow.index = late;
  const work = change(bed, one, 'one');
  await bed.clock.advance(5);
  slow.index = -1;
  await bed.run(change(bed, other, 'other'));
  slow.until.resolve();
  await takesEffect(bed, other, work);
  assert.deepEqual(told, ['behind', 'promised']);
});

/** What `one` is told by `late` of the first promise that it asks for, instead of the truth. */
function mislead(bed: Testbed, one: number, late: number, record: (placed: object) => Promise<RecordBody>) {
  let done = false;
  listen(bed, one, late, async (answer, { epoch, placement }) => {
    if (done) return answer;
    done = true;
    return { answers: [{ result: 'promised', record: await record({ epoch, placement }) }] };
  });
}

test('who is told of a greater ballot than it asked for tries again', async () => {
  const { bed, one, other, late } = await openBed();
  await using _bed = bed;
  let told: RecordBody | undefined;
  mislead(bed, one, late, async (placed) => {
    await change(bed, other, 'other');
    const input = { ...placed, names: [[NAME.namespace, NAME.key, null]] } as never;
    const call = bed.node(other).rpc.call(bed.node(late).peerId, RECORDS, 'read', input, { timeoutMs: 500 });
    told = (await call).answers[0]?.record;
    return told as RecordBody;
  });
  await takesEffect(bed, other, change(bed, one, 'one'));
  assert.ok(told);
});

/** A record of a register, of another author or place than its rounds would make it. */
async function forge(bed: Testbed, index: number, made: { ballotMs: number; stateMs: number }) {
  const { crypto, systemId, nodes } = bed.system;
  const { peerId: author, signer } = nodes[index] as (typeof nodes)[0];
  const versionAt = (ms: number) => formatVersion({ ms: bed.clock.now() + ms, counter: 0, author });
  const value = encodeState({ ...expiredState(versionAt(made.stateMs)), value: bytes('forged') });
  const hashed = { hash: crypto.sha256(value), bytes: value.length };
  const fields = { ...NAME, version: versionAt(made.ballotMs), expiresAt: undefined, value: hashed };
  const header = encodeHeader(fields);
  const [sealed] = await seal({ crypto, signer, systemId }, [header]);
  return { fields, body: [header, value, (sealed as Sealed).proof] satisfies RecordBody };
}

test('a state that says to be newer than its ballot is not built upon', async () => {
  const { bed, one, other, late } = await openBed();
  await using _bed = bed;
  mislead(bed, one, late, async () => (await forge(bed, late, { ballotMs: -5_000, stateMs: 5_000 })).body);
  await takesEffect(bed, other, change(bed, one, 'one'));
});

test('no replica takes a state that says to be newer than its ballot first-hand', async () => {
  const { bed, one, other, late } = await openBed();
  await using _bed = bed;
  await bed.run(change(bed, other, 'before'));
  const { epoch, hash } = bed.node(other).membership.view();
  const { body } = await forge(bed, one, { ballotMs: 2_000, stateMs: 1_000_000 });
  const input = { epoch, placement: hash, records: [body] } as never;
  const send = async (from: number, method: 'write' | 'relay') => {
    const { rpc } = bed.node(from);
    return (await bed.run(rpc.call(bed.node(late).peerId, RECORDS, method, input, { timeoutMs: 500 })))
      .answers;
  };
  assert.deepEqual(await send(one, 'write'), [{ result: 'refused', text: 'RECORD_INVALID' }]);
  // One that another has taken before must be no reason for replicas to differ for ever.
  assert.deepEqual(await send(other, 'relay'), [{ result: 'taken' }]);
  await bed.clock.advance(5_000);
  await takesEffect(bed, other, change(bed, one, 'one'));
});

test('one that was taken by an earlier release holds nothing, and is replaced by what is proposed next', async () => {
  const { bed, one, other } = await openBed();
  await using _bed = bed;
  await bed.run(change(bed, other, 'before'));
  const { fields, body } = await forge(bed, one, { ballotMs: -1, stateMs: 1_000_000 });
  await bed.clock.advance(5_000);
  const [header, value, proof] = body;
  const leaf = leafHash(bed.system.crypto, header);
  const sql = 'UPDATE records SET version = ?, leaf = ?, header = ?, value = ?, proof = ?';
  for (const { store } of bed.nodes())
    await store.write([{ sql, params: [fields.version, leaf, header, value, proof] }]);
  for (let index = 0; index < bed.size; index++) await bed.crash(index);
  for (let index = 0; index < bed.size; index++) await bed.start(index);
  await bed.settleStanding();
  for (const { records } of bed.nodes()) assert.equal(await bed.run(records.registers.read(NAME)), undefined);
  await takesEffect(bed, other, change(bed, one, 'one'));
});

test('a promise that is kept while a smaller ballot is refused is told as what was accepted', async () => {
  const gate = { closed: false, asked: Promise.withResolvers<void>(), open: Promise.withResolvers<void>() };
  const { bed, one, other, late } = await openBed({
    wrapStore: (_index, store) =>
      storeThrough(store, {
        async read(sql, params) {
          if (gate.closed && sql.includes('FROM register_promises')) {
            gate.asked.resolve();
            await gate.open.promise;
          }
          return store.read(sql, params);
        },
      }),
  });
  await using _bed = bed;
  const { epoch, hash } = bed.node(one).membership.view();
  const ask = (index: number, method: 'prepare' | 'write', input: object) =>
    bed
      .node(index)
      .rpc.call(bed.node(late).peerId, RECORDS, method, { epoch, placement: hash, ...input } as never, {
        timeoutMs: 500,
      }) as Promise<{ answers: { result: string; text?: string }[] }>;
  const greater = await forge(bed, other, { ballotMs: 2_000, stateMs: 2_000 });
  const smaller = await forge(bed, one, { ballotMs: 1_000, stateMs: 1_000 });
  const { version } = greater.fields;
  await bed.run(ask(other, 'prepare', { promises: [[NAME.namespace, NAME.key, null, version]] }));
  gate.closed = true;
  const refused = ask(one, 'write', { records: [smaller.body] });
  await bed.run(gate.asked.promise);
  await bed.run(ask(other, 'write', { records: [greater.body] }));
  gate.open.resolve();
  assert.deepEqual((await bed.run(refused)).answers, [{ result: 'behind', text: version }]);
});

test('a ballot so old that promises against it may be forgotten is neither promised nor accepted first-hand', async () => {
  await using bed = await createTestbed({ nodes: 3, registers: true });
  const { epoch, hash } = bed.node(0).membership.view();
  const ask = async (method: 'prepare' | 'write', input: object) => {
    const asked = { epoch, placement: hash, ...input } as never;
    const { rpc } = bed.node(0);
    const answer = await bed.run(rpc.call(bed.node(1).peerId, RECORDS, method, asked, { timeoutMs: 500 }));
    return (answer as { answers: readonly { result: string }[] }).answers[0]?.result;
  };
  const both = async (ageMs: number) => {
    const { fields, body } = await forge(bed, 0, { ballotMs: -ageMs, stateMs: -ageMs });
    const promises = [[NAME.namespace, NAME.key, null, fields.version]];
    return [await ask('prepare', { promises }), await ask('write', { records: [body] })];
  };
  assert.deepEqual(await both(86_500_000), ['refused', 'refused']);
  assert.deepEqual(await both(86_000_000), ['promised', 'taken']);
});
