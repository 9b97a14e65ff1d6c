import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAside } from './aside.ts';

test('what was set aside although the disk said that it was not is no part of the digests', async () => {
  const changed: number[] = [];
  const aside = await openAside({
    store: {
      migrate: async () => {},
      write: () => Promise.reject(new Error('told to')),
    },
    contents: { changed: (_, slot) => void changed.push(slot) },
    now: () => 0,
  });
  await assert.rejects(aside.set(3, 5, [new Uint8Array(32)]));
  assert.deepEqual(changed, [5]);
});
