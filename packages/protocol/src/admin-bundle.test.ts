import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AdminBundle, formatAdminBundle, readAdminBundle } from './admin-bundle.ts';

const bundle: AdminBundle = {
  version: 1,
  systemId: `sys1${'a'.repeat(52)}`,
  addresses: ['/dnsaddr/example.org'],
  key: '-----BEGIN AGE ENCRYPTED FILE-----\nAA\n-----END AGE ENCRYPTED FILE-----\n',
  proof: Uint8Array.of(1, 2, 3),
};

test('an admin bundle is read as it was written, broken over lines or not', () => {
  const text = formatAdminBundle(bundle);
  assert.match(text, /^p2pos-admin:\/\/[\w-]+$/);
  assert.deepEqual(readAdminBundle(` ${text.slice(0, 40)}\n${text.slice(40)}\n`), bundle);
});

test('what is no admin bundle is refused in words', () => {
  const text = formatAdminBundle(bundle);
  for (const wrong of [
    '',
    'p2pos://join/AA',
    text.slice(0, -9),
    `${text}AAAA`,
    formatAdminBundle({ ...bundle, systemId: 'sys1x' }),
    'x'.repeat(200_000),
  ])
    assert.throws(() => readAdminBundle(wrong), { code: 'ADMIN_BUNDLE_INVALID' }, wrong.slice(0, 40));
});
