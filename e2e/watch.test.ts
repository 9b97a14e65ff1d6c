/** A watch over real processes: what is there, what changes, and a node that is killed under it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { startDev } from './harness.ts';

test('kv watch: what is there, then changes, through the kill of the node that served it; and p2pctl', async () => {
  await using dev = await startDev({ nodes: 3 });
  await using writer = dev.client(1);
  await writer.kv.put('w/there', 'before');
  const state = new Map<string, string | undefined>();
  const told: string[] = [];
  let token: string | undefined;
  async function follow(index: number, signal: AbortSignal): Promise<void> {
    await using watcher = dev.client(index);
    for await (const event of watcher.kv.watch('w/', { signal, ...(token && { from: token }) })) {
      told.push(event.type);
      if (event.type !== 'compacted') token = event.token ?? token;
      if (event.type === 'change') state.set(event.key, event.deleted ? undefined : event.text());
    }
  }
  const first = new AbortController();
  const following = follow(0, first.signal);
  await eventually(() => assert.ok(told.includes('synced')));
  assert.deepEqual([...state], [['w/there', 'before']]);
  await writer.kv.put('w/new', 'one');
  await writer.kv.delete('w/there');
  await eventually(() =>
    assert.deepEqual(Object.fromEntries(state), { 'w/there': undefined, 'w/new': 'one' }),
  );

  dev.kill(0);
  first.abort();
  await following;
  await writer.kv.put('w/new', 'two');
  const second = new AbortController();
  const further = follow(2, second.signal);
  await writer.kv.put('w/later', 'three');
  await eventually(() => assert.equal(state.get('w/later'), 'three'));
  assert.equal(state.get('w/new'), 'two');
  assert.ok(!told.includes('compacted'), 'it went on from its token');
  second.abort();
  await further;

  const shown = await dev.p2pctl('kv', 'watch', 'w/', '--for', '2s', '--json', '--node', '2');
  assert.equal(shown.code, 0, shown.stderr);
  const events = shown.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const keys = events.flatMap((event) => (event.type === 'change' ? [event.key] : []));
  assert.deepEqual(keys.sort(), ['w/later', 'w/new']);
  const synced = events.find((event) => event.type === 'synced');
  await writer.kv.put('w/missed', 'four');
  const more = await dev.p2pctl('kv', 'watch', 'w/', '--from', synced.token, '--for', '2s', '--node', '2');
  assert.match(more.stdout, /^\+ w\/missed "four"$/m);
  await dev.p2pctl('kv', 'put', 'w/register', 'agreed', '--cas', '--node', '2');
  const register = await dev.p2pctl('kv', 'watch', 'w/', '--cas', '--for', '2s', '--node', '2');
  assert.equal(register.stdout, '+ w/register "agreed"\n', register.stderr);
  const wrong = await dev.p2pctl('kv', 'watch', '--from', 'AAAA', '--node', '2');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /not a token of a watch/);
});
