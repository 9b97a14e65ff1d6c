/** What the client makes of a watch that breaks off, begins anew, and tells things twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KvWatchEvent, watchKv } from './kv-watch.ts';
import type { Subscribe } from './socket/subscribe.ts';

type Fake = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Plays the events; `asked` holds what is asked for at each `open` after the first. */
async function play(events: readonly Fake[], from?: string) {
  const asked: unknown[] = [];
  const subscribe = async function* (
    _: unknown,
    input: unknown,
    { resume }: { resume: (input: unknown) => unknown },
  ) {
    let now = input;
    asked.push(now);
    for (const [i, event] of events.entries()) {
      if (event.type === 'open' && i > 0) {
        now = resume(now);
        asked.push(now);
      }
      yield event;
    }
  } as unknown as Subscribe;
  const told: string[] = [];
  for await (const event of watchKv(subscribe, 'a', from === undefined ? {} : { from }))
    told.push(textOf(event));
  return { told, asked };
}

function textOf(event: KvWatchEvent): string {
  if (event.type !== 'change') return event.type;
  return `${event.key}=${event.deleted ? 'gone' : event.text()}`;
}

const open: Fake = { type: 'open', token: null };
const synced = (token: string): Fake => ({ type: 'synced', token });
const change = (key: string, version: string, text: string | null, token?: string): Fake => ({
  type: 'change',
  key,
  version,
  deleted: text === null,
  ...(text !== null && { value: new TextEncoder().encode(text) }),
  ...(token && { token }),
});

test('after a reconnect it goes on from its last token, and what comes again is dropped', async () => {
  const { told, asked } = await play([
    open,
    change('a', '1', 'one'),
    synced('t1'),
    change('a', '2', 'two', 't2'),
    { type: 'progress', token: 't3' },
    open,
    change('a', '1', 'one'),
    change('a', '2', 'two'),
    synced('t4'),
    change('a', '2', null),
    change('a', '2', 'two'),
    change('a', '3', 'three'),
  ]);
  assert.deepEqual(told, ['a=one', 'synced', 'a=two', 'synced', 'a=gone', 'a=three']);
  assert.deepEqual(asked, [{ prefix: 'a' }, { prefix: 'a', from: 't3' }]);
});

test('a listing that broke off begins anew, and says so', async () => {
  const { told, asked } = await play([
    open,
    change('a', '1', 'one'),
    open,
    change('b', '2', 'two'),
    synced('t'),
  ]);
  assert.deepEqual(told, ['a=one', 'compacted', 'b=two', 'synced']);
  assert.deepEqual(asked, [{ prefix: 'a' }, { prefix: 'a' }]);
});

test('a token that is too old is forgotten with what was told', async () => {
  const { told, asked } = await play(
    [open, { type: 'compacted' }, change('a', '1', 'one'), open, change('a', '1', 'one'), synced('t')],
    'old',
  );
  assert.deepEqual(told, ['compacted', 'a=one', 'compacted', 'a=one', 'synced']);
  assert.deepEqual(asked, [{ prefix: 'a', from: 'old' }, { prefix: 'a' }]);
});
