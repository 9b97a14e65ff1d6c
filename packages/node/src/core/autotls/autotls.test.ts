import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createManualClock, drain } from '../../testing/manual-clock.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { silentLogger } from '../log/index.ts';
import { type AutoTlsMode, type Certificate, createAutoTls, forgeName } from './index.ts';
import { parametersOf, signedBytes } from './peer-auth.ts';

const DAY_MS = 86_400_000;

function setUp(isUp = true) {
  const clock = createManualClock();
  const issuer = {
    name: 'k1.forge.test',
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
  const disk: { certificate?: Certificate; isFull?: boolean } = {};
  const kept = {
    read: async () => disk.certificate,
    async write(certificate: Certificate) {
      if (disk.isFull) throw new Error('no space left');
      disk.certificate = certificate;
    },
  };
  const served: Certificate[] = [];
  const serve = (certificate: Certificate) => void served.push(certificate);
  const deps = { clock, issuer, kept, serve, random: createSeededRandom('tls'), log: silentLogger };
  return { clock, issuer, served, disk, open: (mode: AutoTlsMode) => createAutoTls(deps, { mode }) };
}

test('on: no certificate, no start; off: nothing is asked', async () => {
  const { open, issuer } = setUp(false);
  await assert.rejects(open('on'), { code: 'AUTO_TLS_UNAVAILABLE' });
  await using off = await open('off');
  assert.deepEqual([off.current(), off.problem(), issuer.asked], [undefined, undefined, 1]);
});

test('what was kept is served again and nothing is asked, until it ended', async () => {
  const { open, issuer, disk, served, clock } = setUp();
  await (await open('on'))[Symbol.asyncDispose]();
  assert.deepEqual(served, [disk.certificate]);
  issuer.isUp = false;
  await (await open('on'))[Symbol.asyncDispose]();
  assert.deepEqual([issuer.asked, served.length], [1, 2]);
  await clock.advance(91 * DAY_MS);
  await assert.rejects(open('on'), { code: 'AUTO_TLS_UNAVAILABLE' });
  assert.equal(served.length, 2, 'never one that ended');
});

test('what a peer signs is what the specification of its example gives', () => {
  const key = Buffer.from('080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394', 'hex');
  const bytes = signedBytes({
    hostname: 'example.com',
    'client-public-key': key,
    'challenge-server': 'ERERERERERERERERERERERERERERERERERERERERERE=',
  });
  assert.equal(
    Buffer.from(bytes).toString('hex'),
    '6c69627032702d5065657249443d6368616c6c656e67652d7365727665723d455245524552455245524552455245524552455245524552455245524552455245524552455245524552453d36636c69656e742d7075626c69632d6b65793d080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39414686f73746e616d653d6578616d706c652e636f6d',
  );
  assert.deepEqual(
    [...parametersOf('libp2p-PeerID sig="UA88_-==", opaque=""')],
    [
      ['sig', 'UA88_-=='],
      ['opaque', ''],
    ],
  );
  assert.equal(parametersOf('Bearer sig="x"').size, 0);
  assert.match(forgeName(key.subarray(4), 'example.org'), /^k51qzi5uqu5[0-9a-z]{51}\.example\.org$/);
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

for (const mode of ['on', 'auto'] as const) {
  test(`${mode}: a certificate that cannot be written is served, and written later; no other is asked for`, async () => {
    const { open, issuer, disk, served, clock } = setUp();
    disk.isFull = true;
    await using tls = await open(mode);
    await drain();
    assert.equal(tls.current()?.pem, 'certificate 1');
    assert.match(tls.problem() ?? '', /served, and could not be written: no space left/);
    await clock.advance(2 * DAY_MS);
    assert.deepEqual([issuer.asked, served.length], [1, 1]);
    disk.isFull = false;
    await clock.advance(20 * 60_000);
    assert.equal(disk.certificate?.pem, 'certificate 1');
    assert.equal(tls.problem(), undefined);
    // Renewed in time all the same, and it is the new one that is written in the end.
    disk.isFull = true;
    await clock.advance(61 * DAY_MS);
    assert.equal(tls.current()?.pem, 'certificate 2');
    disk.isFull = false;
    await clock.advance(20 * 60_000);
    assert.deepEqual([disk.certificate?.pem, issuer.asked], ['certificate 2', 2]);
  });
}
