/** The description of the WebSocket door against a node: every frame that goes to and fro is one that it describes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { CLONE, startDev } from './harness.ts';

type Json = Record<string, unknown>;

const text = readFileSync(join(CLONE, 'docs/reference/asyncapi.json'), 'utf8');
const document = JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/'));
const definitions: Json = document.components.schemas;
const messages: Record<string, { readonly payload: Json }> = document.channels.door.messages;

function check(name: string, schema: unknown, value: unknown): void {
  assert.ok(schema, `${name} is not described`);
  const result = z.fromJSONSchema({ ...(schema as Json), $defs: definitions } as never).safeParse(value);
  assert.ok(result.success, `${name}: ${JSON.stringify(value)}\n${result.error}`);
}

test('frames are as the document says, and what it does not describe is refused', {
  timeout: 300_000,
}, async () => {
  await using dev = await startDev({ nodes: 3 });
  const socket = new WebSocket(`${dev.node(0).http.replace('http', 'ws')}/v1/ws`, ['p2pos.json']);
  const heard: Json[] = [];
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)));
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  const kinds = new Map<number, string>();

  function say(name: string, frame: Json): void {
    check(name, messages[name]?.payload, frame);
    socket.send(JSON.stringify(frame));
  }
  async function call(id: number, method: string, input: Json): Promise<void> {
    kinds.set(id, method);
    check(`${method}.input`, definitions[`${method}.input`], input);
    socket.send(JSON.stringify({ op: 'call', id, method, input }));
    await eventually(() => assert.ok(heard.some((frame) => frame['id'] === id)));
  }
  function follow(id: number, kind: string, fields: Json): Promise<unknown> {
    kinds.set(id, kind);
    say(`subscribe.${kind}`, { op: 'subscribe', id, kind, ...fields });
    return eventually(
      () => assert.ok(heard.some((frame) => frame['id'] === id && frame['type'] === 'open')),
      {
        timeoutMs: 20_000,
      },
    );
  }

  say('auth', { op: 'auth', token: dev.token(0) });
  say('ping', { op: 'ping' });
  await follow(1, 'kv', { prefix: 'doc/' });
  await follow(2, 'pubsub', { topic: 'doc.>', slow: 'latest' });
  await call(10, 'kv.put', {
    key: 'doc/a',
    body: { $blob: 'MQ==' },
    ttlMs: '60s',
    receipt: 'signed',
    explain: '1',
  });
  await call(11, 'kv.get', { key: 'doc/a', explain: '1' });
  await call(12, 'kv.head', { key: 'doc/a' });
  await call(13, 'kv.get', { key: 'doc/nothing' });
  await call(14, 'kv.list', { prefix: 'doc/', limit: '10' });
  await call(15, 'kv.delete', { key: 'doc/a', cas: '1', ifMatch: '"x"' });
  await call(16, 'pubsub.publish', { topic: 'doc.a', ack: 'one', body: { $blob: '' } });
  await call(17, 'sql.create', { database: 'doc', body: {} });
  await call(18, 'sql.execute', { database: 'doc', body: { sql: 'CREATE TABLE t (a)' } });
  await follow(3, 'sql', { database: 'doc', sql: 'SELECT * FROM t' });
  await call(19, 'sql.execute', {
    database: 'doc',
    body: { sql: 'INSERT INTO t VALUES (?)', params: [{ $int: '4611686018427387904' }] },
  });
  await call(20, 'network.status', {});
  await call(21, 'apps.whoami', {});
  await eventually(() => assert.ok(heard.some((frame) => frame['id'] === 3 && frame['type'] === 'change')));
  for (const id of [1, 2, 3]) say('unsubscribe', { op: 'unsubscribe', id });
  await eventually(() => assert.equal(heard.filter(({ type }) => type === 'end').length, 3));
  socket.close();

  const seen = new Set<string>();
  for (const frame of heard) {
    const type = String(frame['type']);
    const own = `${kinds.get(frame['id'] as number)}.${type}`;
    const name = own in messages ? own : type;
    seen.add(name);
    check(name, messages[name]?.payload, frame);
    const method = kinds.get(frame['id'] as number);
    if (type === 'result') check(`${method}.output`, definitions[`${method}.output`], frame['output']);
  }
  for (const name of [
    'ready',
    'pong',
    'result',
    'error',
    'end',
    'kv.open',
    'kv.change',
    'kv.synced',
    'pubsub.message',
    'sql.open',
    'sql.change',
  ])
    assert.ok(seen.has(name), `${name} did not come`);
  for (const wrong of [
    { op: 'subscribe', id: 1, kind: 'pubsub' },
    { op: 'subscribe', id: -1, kind: 'pubsub', topic: 'a' },
  ])
    assert.throws(() => check('subscribe.pubsub', messages['subscribe.pubsub']?.payload, wrong));
});
