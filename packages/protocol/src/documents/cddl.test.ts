import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { z } from 'zod';
import {
  adminProofDocument,
  adminProofFields,
  CAPABILITIES,
  COUNTERSIGNATURE_PURPOSE,
  countersignatureFields,
  genesisDocument,
  genesisFields,
  invitationDocument,
  invitationFields,
  keyRotationDocument,
  keyRotationFields,
  memberFields,
  revocationDocument,
  revocationFields,
  revokedSerialFields,
  snapshotDocument,
  snapshotFields,
} from '../index.ts';

const cddl = readFileSync(new URL('../../cddl/documents.cddl', import.meta.url), 'utf8');

/** The names of a map's keys as the file has them, with `?` before optional ones. */
function keysOf(rule: string): string[] {
  const body = new RegExp(`^${rule} = \\{\\n([^]*?)^\\}`, 'm').exec(cddl)?.[1];
  assert.ok(body, `documents.cddl has no map ${rule}`);
  return [...body.matchAll(/^ {2}(\?)? ?(\w+): /gm)].map(([, optional = '', name]) => `${optional}${name}`);
}

function namesOf(fields: Record<string, z.ZodType>): string[] {
  return Object.entries(fields).map(([name, { type }]) => `${type === 'optional' ? '?' : ''}${name}`);
}

test('the CDDL names the fields of the schemas, in their order', () => {
  assert.deepEqual(keysOf('genesis'), namesOf(genesisFields));
  assert.deepEqual(keysOf('key-rotation'), namesOf(keyRotationFields));
  assert.deepEqual(keysOf('admin-proof'), namesOf(adminProofFields));
  assert.deepEqual(keysOf('revocation'), namesOf(revocationFields));
  assert.deepEqual(keysOf('revoked-serial'), namesOf(revokedSerialFields));
  assert.deepEqual(keysOf('snapshot'), namesOf(snapshotFields));
  assert.deepEqual(keysOf('invitation'), namesOf(invitationFields));
  assert.deepEqual(keysOf('member'), namesOf(memberFields));
  assert.deepEqual(keysOf('countersignature'), namesOf(countersignatureFields));
});

test('the CDDL names the purposes and the capabilities', () => {
  for (const { purpose } of [
    genesisDocument,
    keyRotationDocument,
    adminProofDocument,
    invitationDocument,
    revocationDocument,
    snapshotDocument,
  ]) {
    assert.ok(cddl.includes(`; purpose "${purpose}"`), purpose);
  }
  assert.ok(cddl.includes(`"${COUNTERSIGNATURE_PURPOSE}"`));
  assert.ok(cddl.includes(`capability = ${CAPABILITIES.map((name) => `"${name}"`).join(' / ')}\n`));
});

test('every name that the CDDL uses is defined', () => {
  const code = cddl.replace(/;.*$/gm, '').replace(/"(?:[^"\\]|\\.)*"/g, '');
  const defined = new Set([...code.matchAll(/^([a-z-]+) = /gm)].map(([, name]) => name));
  const used = [...code.matchAll(/(?:: |\.cbor |\d )([a-z][a-z-]*)/g)].map(([, name]) => name as string);
  const prelude = new Set(['bstr', 'tstr', 'uint', 'bool']);
  assert.ok(used.length > 30);
  for (const name of used) assert.ok(defined.has(name) || prelude.has(name), name);
});
