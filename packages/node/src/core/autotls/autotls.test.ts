import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock, drain } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { silentLogger } from '../log/index.ts';
import { type AutoTlsMode, type Certificate, createAutoTls } from './index.ts';

const DAY_MS = 86_400_000;

function setUp(isUp = true) {
  const clock = createManualClock();
  const issuer = {
    isUp,
    asked: 0,
    async issue(): Promise<Certificate> {
      this.asked++;
      if (!this.isUp) throw new Error('the endpoint does not answer');
      return {
        pem: `certificate ${this.asked}`,
        notBeforeMs: clock.now(),
        notAfterMs: clock.now() + 90 * DAY_MS,
      };
    },
  };
  const deps = { clock, issuer, random: createSeededRandom('tls'), log: silentLogger };
  return { clock, issuer, open: (mode: AutoTlsMode) => createAutoTls(deps, { mode }), deps };
}

test('on: no certificate, no start; off: nothing is asked; without an issuer on is refused and auto says why', async () => {
  const { open, issuer, deps } = setUp(false);
  await assert.rejects(open('on'), { code: 'AUTO_TLS_UNAVAILABLE' });
  await using off = await open('off');
  assert.deepEqual([off.current(), off.problem(), issuer.asked], [undefined, undefined, 1]);
  await assert.rejects(createAutoTls({ ...deps, issuer: undefined }, { mode: 'on' }), {
    code: 'AUTO_TLS_UNAVAILABLE',
  });
  await using none = await createAutoTls({ ...deps, issuer: undefined }, { mode: 'auto' });
  assert.match(none.problem() ?? '', /no issuer/);
});

test('auto: serves without, tries again, renews in time, and keeps the old one while renewals fail', async () => {
  const { open, issuer, clock } = setUp(false);
  await using tls = await open('auto');
  await drain();
  assert.equal(tls.current(), undefined);
  assert.match(tls.problem() ?? '', /does not answer/);
  issuer.isUp = true;
  await clock.advance(10 * 60_000);
  assert.equal(tls.problem(), undefined);
  const first = tls.current()?.pem;
  assert.ok(first);
  await clock.advance(61 * DAY_MS);
  const second = tls.current()?.pem;
  assert.notEqual(second, first);
  issuer.isUp = false;
  await clock.advance(80 * DAY_MS);
  assert.equal(tls.current()?.pem, second, 'still valid');
  await clock.advance(11 * DAY_MS);
  assert.equal(tls.current(), undefined, 'never an expired one');
});
