import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareSoftwareVersions,
  formatTimestamp,
  type ReleaseManifest,
  releaseManifestDocument,
  signDocument,
} from '@p2pos/protocol';
import fc from 'fast-check';
import { createTestSystem } from '../../testing/test-system.ts';
import { artefactFor, judgeRelease, readManifest } from './judgement.ts';

const NOW = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const manifest: ReleaseManifest = {
  format: 1,
  version: '1.2.0',
  channel: 'stable',
  minFrom: '1.1.0',
  createdAt: formatTimestamp(NOW),
  expires: formatTimestamp(NOW + 30 * DAY_MS),
  artefacts: [{ platform: 'linux-x64', sha256: new Uint8Array(32), bytes: 10, urls: [] }],
};

test('T5: k of n distinct release keys must sign; none named, one twice, others: refused', async () => {
  const { identity, crypto } = await createTestSystem();
  const signers = ['a', 'b', 'c'].map((name) => identity(name).signer);
  const rules = { keys: signers.map(({ publicKey }) => publicKey), threshold: 2 };
  const sign = async (names: readonly string[]) =>
    (
      await signDocument(
        releaseManifestDocument,
        manifest,
        names.map((name) => identity(name).signer),
        crypto,
      )
    ).bytes;
  assert.equal((await readManifest(await sign(['a', 'c']), rules, crypto)).version, '1.2.0');
  for (const names of [['a'], ['x', 'y'], ['a', 'x']]) {
    await assert.rejects(readManifest(await sign(names), rules, crypto), { code: 'RELEASE_SIGNATURE' });
  }
  const none = { keys: [], threshold: 0 };
  await assert.rejects(readManifest(await sign(['a', 'b']), none, crypto), { code: 'RELEASE_SIGNATURE' });
  await assert.rejects(readManifest(await sign(['a', 'b']), undefined, crypto), {
    code: 'RELEASE_SIGNATURE',
  });
});

test('expired, not begun, older than what was finalized, from too far, for another machine: each refused by its code', () => {
  judgeRelease(manifest, { now: NOW, finalized: '1.2.0' });
  const code = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'none';
  };
  assert.equal(
    code(() => judgeRelease(manifest, { now: NOW + 30 * DAY_MS, finalized: undefined })),
    'RELEASE_EXPIRED',
  );
  assert.equal(
    code(() => judgeRelease(manifest, { now: NOW - 2 * DAY_MS, finalized: undefined })),
    'RELEASE_EXPIRED',
  );
  assert.equal(
    code(() => judgeRelease(manifest, { now: NOW, finalized: '1.2.1' })),
    'RELEASE_OLDER',
  );
  assert.equal(
    code(() => artefactFor(manifest, '1.0.9', 'linux-x64')),
    'RELEASE_TOO_FAR',
  );
  assert.equal(
    code(() => artefactFor(manifest, '1.1.0', 'linux-arm64')),
    'RELEASE_PLATFORM',
  );
  assert.equal(artefactFor(manifest, '1.1.0', 'linux-x64').bytes, 10);
});

test('versions are in the order of Semantic Versioning, whatever they are compared with', () => {
  const sorted = [
    '0.9.9',
    '1.0.0-alpha.1',
    '1.0.0-alpha.10',
    '1.0.0-beta.2',
    '1.0.0',
    '1.0.1',
    '1.10.0',
    '2.0.0',
  ];
  const version = fc.constantFrom(...sorted);
  fc.assert(
    fc.property(version, version, (a, b) => {
      assert.equal(
        Math.sign(compareSoftwareVersions(a, b)),
        Math.sign(sorted.indexOf(a) - sorted.indexOf(b)),
      );
    }),
  );
});
