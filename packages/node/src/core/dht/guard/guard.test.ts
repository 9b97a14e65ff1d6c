/** Limits and bans, by what a peer cannot choose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createReputation, DEFAULT_REPUTATION } from './reputation.ts';
import { createRequestGate } from './request-gate.ts';

function createGate() {
  const clock = createManualClock();
  const reputation = createReputation({ clock });
  const gate = createRequestGate({ clock, reputation }, { perPeer: 10, perNetwork: 30 });
  const enters = (peerId: string, network?: string) => {
    try {
      gate.enter(peerId, network, 1);
      return 'ok';
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  };
  return { clock, reputation, enters };
}

test('T26: a peer gets twice its rate at once, then its rate; many keys of one network get that of the network', async () => {
  const { clock, enters } = createGate();
  const count = (run: () => string, of: number) =>
    Array.from({ length: of }, run).filter((answer) => answer === 'ok').length;
  assert.equal(
    count(() => enters('a'), 50),
    20,
  );
  await clock.advance(1_000);
  assert.equal(
    count(() => enters('a'), 50),
    10,
  );
  let key = 0;
  assert.equal(
    count(() => enters(`new ${key++}`, 'v4:198.51.100'), 200),
    60,
  );
  assert.equal(
    count(() => enters('far', 'v4:203.0.113'), 50),
    20,
    'others are not hurt',
  );
});

test('a flood is banned; the ban ends, and the next is twice as long', async () => {
  const { clock, reputation, enters } = createGate();
  const flood = () => {
    for (let i = 0; i < 20_000; i++) if (enters('a') === 'PEER_BANNED') return;
    assert.fail('it is not banned');
  };
  flood();
  assert.equal(enters('b'), 'ok');
  assert.equal(reputation.bannedMs('a', undefined), DEFAULT_REPUTATION.firstBanMs);
  await clock.advance(DEFAULT_REPUTATION.firstBanMs);
  assert.equal(enters('a'), 'ok');
  flood();
  assert.equal(reputation.bannedMs('a', undefined), 2 * DEFAULT_REPUTATION.firstBanMs);
  await clock.advance(2 * DEFAULT_REPUTATION.maxBanMs);
  flood();
  assert.equal(reputation.bannedMs('a', undefined), DEFAULT_REPUTATION.firstBanMs, 'long ago is forgotten');
});

test('a network of many banned peers is banned as a whole', () => {
  const { reputation } = createGate();
  const network = 'v4:198.51.100';
  for (let i = 0; i < 4; i++) assert.ok(reputation.blame(`bad ${i}`, network, 100));
  assert.ok(reputation.bannedMs('another', network) > 0);
  assert.equal(reputation.bannedMs('another', 'v4:203.0.113'), 0);
  assert.equal(reputation.banned(), 5);
});

test('small faults are forgotten with time', async () => {
  const { clock, reputation } = createGate();
  for (let hour = 0; hour < 20; hour++) {
    assert.equal(reputation.blame('a', undefined, 40), false);
    await clock.advance(3_600_000);
  }
  assert.equal(reputation.blame('a', undefined, 60) || reputation.blame('a', undefined, 60), true);
});
