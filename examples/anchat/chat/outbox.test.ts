import assert from 'node:assert/strict';
import { test } from 'node:test';
import { P2posError } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';
import { createOutbox } from './outbox.ts';
import { createMemoryStore } from './store.ts';

test('what could not be sent is kept, and sent after a restart, once', async () => {
  let isDown = true;
  const put: string[] = [];
  const client = {
    kv: {
      async put(key: string) {
        if (isDown) throw new P2posError('NODE_UNREACHABLE', { url: 'x', reason: 'down' });
        put.push(key);
      },
    },
    // Without it, the watch of the records brings the line.
    pubsub: {
      publish: () => Promise.reject(new P2posError('NODE_UNREACHABLE', { url: 'x', reason: 'down' })),
    },
  } as unknown as Pick<Client, 'kv' | 'pubsub'>;
  const store = createMemoryStore();
  const one = { place: 'rooms/lobby/log', id: '00000000000001-a', bytes: Uint8Array.of(1) };

  const before = createOutbox(client, store, () => assert.fail('it was not sent'));
  await store.write([before.entry(one)]);
  await assert.rejects(before.deliver([one]), { code: 'NODE_UNREACHABLE' });

  isDown = false;
  const end = new AbortController();
  const sent: string[] = [];
  const after = createOutbox(client, store, (id) => {
    sent.push(id);
    end.abort();
  });
  await after.run(end.signal);
  assert.deepEqual(put, ['rooms/lobby/log/00000000000001-a']);
  assert.deepEqual(sent, [one.id]);
  assert.deepEqual(await store.list('outbox/'), []);
});
