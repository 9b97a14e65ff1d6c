/** The checker itself: an honest history passes, each kind of fault is found. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDelivery, type SubscriberLife, type Told } from './checker.ts';
import { createLedger } from './ledger.ts';

const message = (seq: number): Told => ({
  type: 'message',
  topic: 't',
  publisher: 0,
  incarnation: 1,
  from: seq,
  to: seq,
  text: `text ${seq}`,
});
const gap = (from: number, to: number): Told => ({ ...message(from), type: 'gap', to });

function faults(told: Told[], { linked = true, life = 1, confirmed = true, after = 0 } = {}): number {
  const published = Array.from({ length: 5 }, (_, i) => ({
    seq: i + 1,
    at: after + 100 + i,
    text: `text ${i + 1}`,
  }));
  const subscriber: SubscriberLife = {
    node: 1,
    topics: () => true,
    openedAt: 0,
    confirmedBy: new Set(confirmed ? [0] : []),
    endedAt: 1e9,
    told,
  };
  const publisher = { node: 0, incarnation: life, published: new Map([['t', published]]) };
  return checkDelivery([publisher], [subscriber], { linked: () => linked }).violations.length;
}

const all = [1, 2, 3, 4, 5].map(message);

test('what may be so passes', () => {
  assert.equal(faults(all), 0);
  assert.equal(faults([message(1), gap(2, 4), message(5)], { linked: false }), 0);
  assert.equal(faults([message(3)], { linked: false }), 0);
});

test('losses, copies, disorder, silence about gaps and what nobody said are found', () => {
  assert.ok(faults(all.slice(0, 4)) > 0);
  assert.ok(faults([...all, message(5)]) > 0);
  assert.ok(faults([message(2), message(1), ...all.slice(2)]) > 0);
  assert.ok(faults([message(1), message(5)], { linked: false }) > 0);
  assert.ok(faults([message(1), gap(2, 4), message(5)]) > 0);
  assert.ok(faults([...all.slice(0, 4), { ...message(5), text: 'another' }]) > 0);
  assert.ok(faults(all, { life: 2, linked: false }) > 0);
});

test('who did not confirm a subscription owes it everything a minute later', () => {
  assert.equal(faults([], { confirmed: false }), 0);
  assert.ok(faults([], { confirmed: false, after: 60_000 }) > 0);
});

test('a reader of a durable topic that stops half-way is found, unless it was away', () => {
  const found = (away: boolean) => {
    const ledger = createLedger();
    const [one, other] = [ledger.reader('one'), ledger.reader('other')];
    for (const [i, text] of ['a', 'b'].entries()) {
      ledger.acknowledged(ledger.begin(text), i + 1);
      one.read(i + 1, text);
    }
    other.read(1, 'a');
    if (away) other.away();
    return ledger.violations().length;
  };
  assert.equal(found(true), 0);
  assert.ok(found(false) > 0);
});
