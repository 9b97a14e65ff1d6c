/** Two interests told over a link that loses, delays and reorders what is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import { createEmitter } from '../../core/events/index.ts';
import { silentLogger } from '../../core/log/index.ts';
import type { Net, NetEvents } from '../../core/net/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createInterest, type Interest, type Statement } from './interest.ts';

interface Pair extends AsyncDisposable {
  readonly clock: ReturnType<typeof createManualClock>;
  readonly teller: Interest;
  readonly hearer: Interest;
  readonly statements: Statement[];
  /** What becomes of the next statements; default: heard at once. */
  fate: (statement: Statement) => 'heard' | 'lost' | 'unanswered';
}

function createPair(): Pair {
  const clock = createManualClock();
  const random = createSeededRandom('interest');
  const tasks = createTaskGroup({ clock, random, log: silentLogger });
  const statements: Statement[] = [];
  const net = {
    connections: () => [{ peerId: 'hearer' }],
    isConnected: () => true,
    events: createEmitter<NetEvents>(() => {}),
  } as unknown as Pick<Net, 'connections' | 'isConnected' | 'events'>;
  const common = { net, isMember: () => true, incarnation: () => 7, tasks, onFresh: () => {} };
  const config = { timeoutMs: 1_000, maxPatterns: 10_000 };
  const pair: Pair = {
    clock,
    statements,
    fate: () => 'heard',
    hearer: createInterest({ ...common, rpc: { call: async () => ({}) } as unknown as Rpc }, config),
    teller: createInterest(
      {
        ...common,
        rpc: {
          async call(_peer: string, _capability: unknown, _method: string, statement: Statement) {
            statements.push(statement);
            const fate = pair.fate(statement);
            if (fate === 'lost') throw new P2posError('PEER_UNREACHABLE', { peerId: 'hearer' });
            const known = pair.hearer.heard('teller', statement);
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
