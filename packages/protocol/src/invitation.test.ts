import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatInvitation, INVITATION_SCHEME, isP2posError, readInvitation } from './index.ts';
import { testCrypto } from './testing/keys.ts';
import { invitation, keys } from './testing/samples.ts';

const text = await formatInvitation(invitation, keys.nodeA, testCrypto);
const refused = (pattern: RegExp) => (error: unknown) =>
  isP2posError(error, 'INVITATION_INVALID') && pattern.test(error.message);

test('an invitation is the same after it was text, broken over lines by mail too', async () => {
  assert.deepEqual((await readInvitation(text, testCrypto)).body, invitation);
  const wrapped = `  ${text.replace(/.{60}/g, '$&\r\n')}\n`;
  assert.deepEqual((await readInvitation(wrapped, testCrypto)).body, invitation);
  assert.ok(text.length < 600, `${text.length} characters still fit a code that a camera reads`);
});

test('it is refused when signed by another than its issuer, too long, or no invitation at all', async () => {
  const forged = await formatInvitation(invitation, keys.stranger, testCrypto);
  await assert.rejects(readInvitation(forged, testCrypto), refused(/another than its issuer/));
  await assert.rejects(readInvitation(text.repeat(100), testCrypto), refused(/too long/));
  await assert.rejects(readInvitation('', testCrypto), refused(/does not begin/));
});

test('every change of a character is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: INVITATION_SCHEME.length, max: text.length - 1 }),
      fc.constantFrom('A', '-', '_', 'z', '=', '+', '\u{1f600}'),
      async (at, other) => {
        fc.pre(text[at] !== other);
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        await assert.rejects(readInvitation(changed, testCrypto), refused(/./));
      },
    ),
    { numRuns: 200 },
  );
});

test('it names at least one address, each with its peer', async () => {
  for (const addresses of [
    [],
    ['/ip4/192.0.2.1/tcp/4100'],
    Array<string>(2).fill(invitation.addresses[0] ?? ''),
  ])
    await assert.rejects(formatInvitation({ ...invitation, addresses }, keys.nodeA, testCrypto), {
      code: 'DOCUMENT_MALFORMED',
    });
});
