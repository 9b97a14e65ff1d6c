import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAllocation } from './allocation.ts';

const QUOTA = 100;
const LEASE_MS = 2_000;
const terms = { quota: QUOTA, alone: 2, leaseMs: LEASE_MS };

test('a keeper that takes over gives nobody more than it has until the shares of the one before have ended', () => {
  const before = createAllocation();
  const gateways = ['a', 'b', 'c'];
  const ask = (keeper: typeof before, gateway: string, now: number, held?: number) =>
    keeper.ask({ ...terms, gateway, demand: 1_000, now, held });
  for (const now of [0, 1_000]) for (const gateway of gateways) ask(before, gateway, now);
  const held = Object.fromEntries(gateways.map((gateway) => [gateway, ask(before, gateway, 2_000)]));
  const sum = (shares: Record<string, number>) => Object.values(shares).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum(held) - 90) < 1, JSON.stringify(held));

  // All three come to the next one, a second later, one after the other.
  const next = createAllocation();
  const given: Record<string, number> = { ...held };
  for (const [i, gateway] of gateways.entries()) {
    given[gateway] = ask(next, gateway, 3_000 + 100 * i, held[gateway]);
    assert.ok(sum(given) <= 91, JSON.stringify(given));
  }
  // One that held nothing gets its part of the last tenth meanwhile.
  assert.ok(ask(next, 'd', 3_400) <= terms.alone);
  // Then all are divided anew.
  for (const now of [5_400, 6_400, 7_400]) for (const gateway of [...gateways, 'd']) ask(next, gateway, now);
  const shares = [...gateways, 'd'].map((gateway) => ask(next, gateway, 8_400));
  for (const share of shares) assert.ok(Math.abs(share - 22.5) < 0.1, String(shares));
});

test('a keeper of an app that nobody used before gives all of it at once', () => {
  const share = createAllocation().ask({ ...terms, gateway: 'a', demand: 1_000, now: 0 });
  assert.equal(share, 90);
});
