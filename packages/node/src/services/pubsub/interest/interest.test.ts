/** Two interests told over a link that loses, delays and reorders what is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { sleep } from '../../../core/clock/index.ts';
import { createEmitter } from '../../../core/events/index.ts';
import { silentLogger } from '../../../core/log/index.ts';
import type { Net, NetEvents } from '../../../core/net/index.ts';
import type { Rpc } from '../../../core/rpc/index.ts';
import { createTaskGroup } from '../../../core/tasks/index.ts';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createSeededRandom } from '../../../testing/seeded-random.ts';
import { createInterest, type Interest, type Statement } from './interest.ts';

interface Pair extends AsyncDisposable {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly teller: Interest;
  readonly hearer: Interest;
  readonly statements: Statement[];
  readonly events: ReturnType<typeof createEmitter<NetEvents>>;
  /** What becomes of the next statements; default: heard at once. */
  fate: (statement: Statement) => 'heard' | 'lost' | 'unanswered';
  /** How long a statement takes, there and back. */
  roundTripMs: number;
  /** After each that was heard. */
  onHeard: () => void;
}

function createPair(): Pair {
  const clock = createManualClock();
  const random = createSeededRandom('interest');
  const tasks = createTaskGroup({ clock, random, log: silentLogger });
  const statements: Statement[] = [];
  const events = createEmitter<NetEvents>(() => {});
  const net = {
    connections: () => [{ peerId: 'hearer' }],
    isConnected: () => true,
    events,
  } as unknown as Pick<Net, 'connections' | 'isConnected' | 'events'>;
  const common = { net, isMember: () => true, incarnation: () => 7, tasks, onFresh: () => {} };
  const config = { timeoutMs: 1_000, maxPatterns: 10_000 };
  const pair: Pair = {
    clock,
    statements,
    events,
    fate: () => 'heard',
    roundTripMs: 0,
    onHeard: () => {},
    hearer: createInterest({ ...common, rpc: { call: async () => ({}) } as unknown as Rpc }, config),
    teller: createInterest(
      {
        ...common,
        rpc: {
          async call(_peer: string, _capability: unknown, _method: string, statement: Statement) {
            statements.push(statement);
            if (pair.roundTripMs > 0) await sleep(clock, pair.roundTripMs);
            const fate = pair.fate(statement);
            if (fate === 'lost') throw new P2posError('PEER_UNREACHABLE', { peerId: 'hearer' });
            const known = pair.hearer.heard('teller', statement);
            pair.onHeard();
            if (fate === 'unanswered') throw new P2posError('PEER_UNREACHABLE', { peerId: 'hearer' });
            return { known };
          },
        } as unknown as Rpc,
      },
      config,
    ),
    async [Symbol.asyncDispose]() {
      pair.teller[Symbol.dispose]();
      pair.hearer[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
  return pair;
}

const heardOf = ({ hearer }: Pair) => [...hearer.peers.entries()].map(([pattern]) => pattern).toSorted();

test('what is lost on the way is told again within seconds', async () => {
  await using pair = createPair();
  await pair.teller.add('x/.a');
  pair.fate = () => 'lost';
  assert.deepEqual((await pair.teller.add('x/.b')).unconfirmed, ['hearer']);
  pair.teller.remove('x/.a');
  await pair.clock.advance(3_000);
  assert.deepEqual(heardOf(pair), ['x/.a']);
  pair.fate = () => 'heard';
  await pair.clock.advance(3_000);
  assert.deepEqual(heardOf(pair), ['x/.b']);
});

test('what the other forgot or never took is found by its digest', async () => {
  await using pair = createPair();
  await pair.teller.add('x/.a');
  await pair.teller.add('x/.b');
  const [last] = pair.statements.slice(-1) as [Statement];
  // A fault: it takes away what nobody took back.
  pair.hearer.heard('teller', { ...last, add: [], remove: ['x/.a'], after: last.serial });
  assert.deepEqual(heardOf(pair), ['x/.b']);
  await pair.clock.advance(60_000);
  assert.deepEqual(heardOf(pair), ['x/.a', 'x/.b']);
});

test('a statement that comes late does not undo a newer one', async () => {
  await using pair = createPair();
  await pair.teller.add('x/.a');
  pair.teller.remove('x/.a');
  await pair.clock.advance(10);
  const removal = pair.statements.at(-1) as Statement;
  await pair.teller.add('x/.a');
  pair.hearer.heard('teller', removal);
  assert.deepEqual(heardOf(pair), ['x/.a']);
});

test('a flood of subscriptions goes in few statements, and all are confirmed', async () => {
  await using pair = createPair();
  const adding = Array.from({ length: 3_000 }, (_, i) => pair.teller.add(`x/.flood.${i}`));
  const told = await Promise.all(adding);
  assert.ok(told.every(({ unconfirmed }) => unconfirmed.length === 0));
  assert.equal(heardOf(pair).length, 3_000);
  assert.ok(pair.statements.length <= 12, `${pair.statements.length} statements`);
  for (let i = 0; i < 3_000; i += 2) pair.teller.remove(`x/.flood.${i}`);
  await pair.clock.advance(10);
  assert.equal(heardOf(pair).length, 1_500);
});

test('who subscribes is told that it is known, however many come and go meanwhile', async () => {
  await using pair = createPair();
  pair.roundTripMs = 40;
  let others = 0;
  const another = () => {
    void pair.teller.add(`x/.other.${others++}`);
    pair.clock.after(30, another);
  };
  another();
  await pair.clock.advance(1_000);
  const added = pair.teller.add('x/.mine');
  await pair.clock.advance(2 * pair.roundTripMs);
  assert.deepEqual(await Promise.race([added, 'still waiting']), {
    confirmedBy: ['hearer'],
    unconfirmed: [],
  });
  pair.fate = () => 'lost';
  const lost = pair.teller.add('x/.lost');
  await pair.clock.advance(2 * pair.roundTripMs);
  assert.deepEqual(await Promise.race([lost, 'still waiting']), { confirmedBy: [], unconfirmed: ['hearer'] });
});

test('while all is told again in several statements nothing is forgotten, at the end what was taken back', async () => {
  await using pair = createPair();
  const COUNT = 3_000;
  await Promise.all(Array.from({ length: COUNT }, (_, i) => pair.teller.add(`x/.${i}`)));
  pair.fate = () => 'lost';
  for (let i = 0; i < COUNT; i += 2) pair.teller.remove(`x/.${i}`);
  const missing: string[] = [];
  pair.onHeard = () => {
    for (let i = 1; i < COUNT; i += 2)
      if (pair.hearer.wantedBy(`x/.${i}`).size === 0) missing.push(`x/.${i}`);
  };
  const again = async () => {
    pair.events.emit('peer:disconnected', 'hearer');
    pair.events.emit('peer:connected', 'hearer');
    await pair.clock.advance(3_000);
  };
  // The first part comes, the second does not.
  let parts = 0;
  pair.fate = () => (++parts === 2 ? 'lost' : 'heard');
  await again();
  await again();
  assert.equal(missing.length, 0, `${missing[0]} was forgotten`);
  assert.equal(heardOf(pair).length, COUNT / 2);
});

test('of what never becomes a whole no more is kept than twice what one may hold', async () => {
  await using pair = createPair();
  for (let whole = 0; whole < 4; whole++)
    for (let part = 0; part < 11; part++) {
      const add = Array.from({ length: 1_000 }, (_, i) => `x/.${whole}.${part}.${i}`);
      pair.hearer.heard('teller', {
        incarnation: 7,
        serial: whole + 1,
        after: part === 0 ? null : whole + 1,
        digest: null,
        add,
        remove: [],
      });
    }
  assert.ok(heardOf(pair).length <= 20_000, `${heardOf(pair).length}`);
});
