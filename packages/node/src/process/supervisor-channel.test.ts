import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import { createManualClock } from '../testing/manual-clock.ts';
import { createSupervisorChannel } from './supervisor-channel.ts';

class Parent extends EventEmitter {
  connected = true;
  readonly sent: { op: string; id: number; name?: string }[] = [];
  send(message: unknown, callback: (error: Error | null) => void): void {
    this.sent.push(message as Parent['sent'][0]);
    callback(null);
  }
}

function setup() {
  const parent = new Parent();
  const clock = createManualClock();
  return { parent, clock, supervisor: createSupervisorChannel(parent, clock) };
}

test('each order gets its own reply, in whatever order they come', async () => {
  const { parent, supervisor } = setup();
  const kill = supervisor.kill('node1');
  const nodes = supervisor.nodes();
  assert.deepEqual(parent.sent, [
    { op: 'kill', id: 1, name: 'node1' },
    { op: 'nodes', id: 2, name: undefined },
  ]);
  parent.emit('message', { id: 2, ok: [] });
  parent.emit('message', { id: 1, ok: { name: 'node1' } });
  assert.deepEqual([await kill, await nodes], [{ name: 'node1' }, []]);
});

test('an error comes back with its code; foreign messages are ignored', async () => {
  const { parent, supervisor } = setup();
  const start = supervisor.start('nodeX');
  for (const foreign of [null, 7, {}, { id: 99, ok: 1 }, { id: 'x' }]) parent.emit('message', foreign);
  parent.emit('message', { id: 1, error: { code: 'DEV_NODE_UNKNOWN', details: { name: 'nodeX' } } });
  await assert.rejects(start, (error) => isP2posError(error, 'DEV_NODE_UNKNOWN'));
});

test('without a reply an order ends in TIMEOUT', async () => {
  const { clock, supervisor } = setup();
  const nodes = assert.rejects(supervisor.nodes(), (error) => isP2posError(error, 'TIMEOUT'));
  await clock.advance(10_000);
  await nodes;
});

test('when the supervisor goes, orders under way and later ones fail', async () => {
  const { parent, supervisor } = setup();
  const nodes = assert.rejects(supervisor.nodes(), /supervisor of this node is gone/);
  parent.connected = false;
  parent.emit('disconnect');
  await nodes;
  await assert.rejects(supervisor.nodes(), /supervisor of this node is gone/);
});
