import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createBootstrap } from './bootstrap.ts';
import { createHolds } from './holds.ts';

const at = (i: number) => `/ip4/192.0.2.1/tcp/${i}`;

test('T26: a source of addresses pushes out only its own, and what the operator named stays', () => {
  const bootstrap = createBootstrap([at(1)]);
  assert.ok(bootstrap.found('dns', [at(2), at(3)]));
  bootstrap.answered(at(2), 'A');
  for (let i = 100; i < 1_100; i++) assert.ok(bootstrap.found('mdns', [at(i)]));
  assert.equal(bootstrap.addresses().length, 3 + 32);
  assert.ok([1, 2, 3, 1_099].every((i) => bootstrap.has(at(i))));
  assert.ok(!bootstrap.has(at(100)));
  assert.equal(bootstrap.found('mdns', [at(1_099), at(2)]), false, 'nothing of it is new');
  assert.deepEqual(bootstrap.unnamed('A'), [at(2)]);
  assert.ok(bootstrap.isAt('A'));
});

test('who answered at an address that is forgotten is forgotten too', () => {
  const bootstrap = createBootstrap([]);
  bootstrap.found('mdns', [at(1)]);
  bootstrap.answered(at(1), 'A');
  for (let i = 2; i < 40; i++) bootstrap.found('mdns', [at(i)]);
  assert.equal(bootstrap.peerAt(at(1)), undefined);
});

test('a hold ends by itself, can be lifted, and there are only so many', async () => {
  const clock = createManualClock();
  const holds = createHolds({ clock });
  holds.keep('A', 1_000);
  holds.keep('B', 500);
  await clock.advance(600);
  assert.deepEqual([holds.isHeld('A'), holds.isHeld('B'), holds.ended()], [true, false, ['B']]);
  holds.lift('A');
  assert.ok(!holds.isHeld('A'));
  for (let i = 0; i < 2_000; i++) holds.keep(`peer${i}`, 1_000);
  assert.deepEqual([holds.isHeld('peer0'), holds.isHeld('peer1999')], [false, true]);
});
