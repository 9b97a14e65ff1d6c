/** A watch over real processes: what is there, what changes, and a node that is killed under it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { startDev } from './harness.ts';

test('kv watch: what is there, then changes, through the kill of the node that served it; and p2pctl', async () => {
  await using dev = await startDev({ nodes: 3 });
  await using writer = dev.client(1);
  await writer.kv.put('w/there', 'before');
  await using watcher = dev.client(0, 2);
  const stop = new AbortController();
  const state = new Map<string, string | undefined>();
  const told: string[] = [];
  const watching = (async () => {
    for await (const event of watcher.kv.watch('w/', { signal: stop.signal })) {
      told.push(event.type);
      if (event.type === 'change') state.set(event.key, event.deleted ? undefined : event.text());
    }
  })();
  await eventually(() => assert.ok(told.includes('synced')));
  assert.deepEqual([...state], [['w/there', 'before']]);
  await writer.kv.put('w/new', 'one');
  await writer.kv.delete('w/there');
  await eventually(() =>
    assert.deepEqual(Object.fromEntries(state), { 'w/there': undefined, 'w/new': 'one' }),
  );

  dev.kill(0);
  await writer.kv.put('w/new', 'two');
  await writer.kv.put('w/later', 'three');
  await eventually(() => assert.equal(state.get('w/later'), 'three'));
  assert.equal(state.get('w/new'), 'two');
  assert.ok(!told.includes('compacted'), 'it went on from its token');
  stop.abort();
  await watching;

  const shown = await dev.p2pctl('kv', 'watch', 'w/', '--for', '2s', '--json', '--node', '2');
  assert.equal(shown.code, 0, shown.stderr);
  const events = shown.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const keys = events.flatMap((event) => (event.type === 'change' ? [event.key] : []));
  assert.deepEqual(keys.sort(), ['w/later', 'w/new']);
  const { token } = events.find((event) => event.type === 'synced');
  await writer.kv.put('w/missed', 'four');
  const more = await dev.p2pctl('kv', 'watch', 'w/', '--from', token, '--for', '2s', '--node', '2');
  assert.match(more.stdout, /^\+ w\/missed "four"\n$/);
  const wrong = await dev.p2pctl('kv', 'watch', '--from', 'AAAA', '--node', '2');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /not a token of a watch/);
});
