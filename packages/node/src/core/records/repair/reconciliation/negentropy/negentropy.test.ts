import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isP2posError } from '@p2pos/protocol';
import fc from 'fast-check';
import { answer, createItems, type Items, initiate, proceed } from './index.ts';

const crypto = {
  sha256: (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest()),
};
const WIDE = { maxMessageBytes: 1 << 24 };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

interface Vector {
  readonly name: string;
  readonly a: number;
  readonly b: number;
  readonly both: number;
  readonly times: number;
  readonly messages: readonly { readonly hex?: string; readonly sha256?: string; readonly bytes?: number }[];
}

function setsOf({ name, a, b, both, times }: Pick<Vector, 'name' | 'a' | 'b' | 'both' | 'times'>) {
  let next = 0;
  const item = () => {
    const id = sha(name + next++);
    return {
      time: Number.parseInt(id.slice(0, 6), 16) % times,
      id: new Uint8Array(Buffer.from(id, 'hex')),
    };
  };
  const [onlyA, onlyB, shared] = [a, b, both].map((length) => Array.from({ length }, item));
  return {
    onlyA: onlyA ?? [],
    onlyB: onlyB ?? [],
    a: createItems(crypto, [...(onlyA ?? []), ...(shared ?? [])]),
    b: createItems(crypto, [...(onlyB ?? []), ...(shared ?? [])]),
  };
}

function talk(a: Items, b: Items, limits = WIDE) {
  const messages: Uint8Array[] = [];
  const have = new Set<string>();
  const need = new Set<string>();
  const sinks = {
    have: (id: Uint8Array) => void have.add(hex(id)),
    need: (id: Uint8Array) => void need.add(hex(id)),
  };
  let message: Uint8Array | undefined = initiate(a);
  while (message) {
    assert.ok(message.length <= limits.maxMessageBytes);
    const reply = answer(b, message, limits);
    assert.ok(reply.length <= limits.maxMessageBytes);
    messages.push(message, reply);
    assert.ok(messages.length < 2_000, 'it ends');
    ({ message } = proceed(a, reply, limits, sinks));
  }
  return { messages, have, need };
}

// Made with the reference implementation (github.com/hoytech/negentropy, js, protocol 1); ids are SHA-256 of name and number.
const vectors = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as Vector[];
for (const vector of vectors) {
  test(`byte for byte as the reference: ${vector.name}`, () => {
    const { a, b } = setsOf(vector);
    const { messages, have, need } = talk(a, b);
    assert.deepEqual(
      messages.map((message) =>
        message.length > 200
          ? {
              sha256: createHash('sha256').update(message).digest('hex'),
              bytes: message.length,
            }
          : { hex: hex(message) },
      ),
      vector.messages,
    );
    assert.deepEqual([have.size, need.size], [vector.a, vector.b]);
  });
}

test('each side learns exactly what it lacks, with messages of any bound', () => {
  const count = fc.integer({ min: 0, max: 120 });
  fc.assert(
    fc.property(
      count,
      count,
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(4_096, 6_000, 1 << 20),
      (a, b, both, times, maxMessageBytes) => {
        const sets = setsOf({ name: 'property', a, b, both, times });
        const { have, need } = talk(sets.a, sets.b, { maxMessageBytes });
        assert.deepEqual([...have].sort(), sets.onlyA.map(({ id }) => hex(id)).sort());
        assert.deepEqual([...need].sort(), sets.onlyB.map(({ id }) => hex(id)).sort());
      },
    ),
    { numRuns: 150 },
  );
});

test('ten of a hundred thousand cost few bytes', () => {
  const { a, b } = setsOf({ name: 'few', a: 5, b: 5, both: 100_000, times: 1_000_000 });
  const bytes = talk(a, b).messages.reduce((sum, { length }) => sum + length, 0);
  assert.ok(bytes < 40_000, `${bytes} bytes`);
});

test('garbage is a typed error, whatever its bytes', () => {
  const { a, b } = setsOf({ name: 'fuzz', a: 10, b: 10, both: 200, times: 50 });
  const good = initiate(a);
  const refuse = (message: Uint8Array) => {
    for (const side of [
      () => answer(b, message, WIDE),
      () => proceed(b, message, WIDE, { have() {}, need() {} }),
    ]) {
      try {
        side();
      } catch (error) {
        assert.ok(isP2posError(error, 'RECONCILIATION_MALFORMED'), String(error));
      }
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      refuse(bytes);
      refuse(Uint8Array.from([0x61, ...bytes]));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bent = good.slice();
      bent[at] = value;
      refuse(bent);
      refuse(good.slice(0, at));
    }),
    { numRuns: 500 },
  );
  // A count that no message of this length can carry costs nothing.
  assert.throws(
    () => answer(b, Uint8Array.of(0x61, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0x7f), WIDE),
    (error) => isP2posError(error, 'RECONCILIATION_MALFORMED'),
  );
  assert.throws(
    () => answer(b, new Uint8Array(5_000), { maxMessageBytes: 4_096 }),
    (error) => isP2posError(error, 'RECONCILIATION_MALFORMED'),
  );
  assert.deepEqual(answer(b, Uint8Array.of(0x62, 1, 2, 3), WIDE), Uint8Array.of(0x61));
});
