/** What lies on disk or is told by a member is bounded before anything is made of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_PUBSUB_MESSAGE_BYTES } from '@p2pos/protocol';
import { type Chunked, decodeEntry, type Entry, encodeEntry } from './format.ts';

const id = new Uint8Array(16).fill(1);
const entryOf = (chunked: Chunked, messageId = id): Entry => ({
  token: 1,
  sequence: 1,
  bytes: 0,
  messages: [{ publisher: 'p', at: 0, id: messageId, data: chunked }],
});
const chunked: Chunked = { id, bytes: MAX_PUBSUB_MESSAGE_BYTES, hash: new Uint8Array(32) };

test('an entry is what it was', () => {
  assert.deepEqual(decodeEntry(encodeEntry(entryOf(chunked))), entryOf(chunked));
});

test('data longer than a message, and ids of another length, are refused', () => {
  const refused: Entry[] = [
    entryOf({ ...chunked, bytes: MAX_PUBSUB_MESSAGE_BYTES + 1 }),
    entryOf({ ...chunked, bytes: Number.MAX_SAFE_INTEGER }),
    entryOf({ ...chunked, id: new Uint8Array(2_000) }),
    entryOf(chunked, new Uint8Array(17)),
  ];
  for (const entry of refused)
    assert.throws(() => decodeEntry(encodeEntry(entry)), { code: 'RECORD_INVALID' });
});
