import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  appendToTranscript,
  asPredecessor,
  checkPinned,
  createRequest,
  describeBody,
  foundSystem,
  isP2posError,
  pinnedText,
  readPinned,
  rotationBody,
  type SignedDocument,
  type Snapshot,
  signSnapshot,
  signWithAll,
  stateKey,
  verifyTranscript,
} from '../index.ts';
import { testCrypto as crypto, testKey } from '../testing/keys.ts';

const NOW_MS = Date.parse('2026-03-01T00:00:00Z');

async function found(name: string, releaseKeys: number) {
  let seed = name.charCodeAt(0);
  const key = (role: 'system' | 'release' | 'admin', label: string) =>
    stateKey(testKey(++seed), { role, label }, NOW_MS, crypto);
  const system = await Promise.all(['s1', 's2', 's3'].map((label) => key('system', label)));
  const release = await Promise.all(
    Array.from({ length: releaseKeys }, (_, index) => key('release', `r${index}`)),
  );
  const admin = await key('admin', 'admin');
  const plan = { name, threshold: 2, releaseThreshold: releaseKeys, nowMs: NOW_MS };
  const founding = await foundSystem(plan, { system, release, admin }, crypto);
  return { ...founding, admin, system, report: await verifyTranscript(founding.transcript, crypto) };
}

test('the transcript of a founding verifies, and its pinned keys know the system and no other', async () => {
  const { report, systemId } = await found('acme', 1);
  assert.equal(report.systemId, systemId);
  assert.equal(report.statements.length, 5);
  assert.equal(report.proofs.length, 1);
  const pinned = readPinned(pinnedText(report));
  assert.doesNotThrow(() => checkPinned(pinned, report));
  const other = await found('other', 1);
  assert.throws(
    () => checkPinned(pinned, other.report),
    (error) => isP2posError(error, 'CEREMONY_SYSTEM'),
  );
  assert.throws(
    () => checkPinned({ ...pinned, threshold: 1 }, report),
    (error) => isP2posError(error, 'CEREMONY_SYSTEM'),
  );
});

test('what is asked is told whole: slots and release keys of a genesis, from which version a release installs', async () => {
  const { genesis } = await found('acme', 2);
  const [first = '', second = ''] = describeBody({ kind: 'genesis', body: genesis.body });
  assert.match(first, /founds the system acme, dated 2026-03-01T.*, with 4096 slots/);
  assert.match(second, /releases need 2 of 2 release keys: [0-9a-f]{16} [0-9a-f]{16}/);
  const bare = await found('bare', 0);
  assert.match(
    describeBody({ kind: 'genesis', body: bare.genesis.body })[1] ?? '',
    /no release keys: nodes install no updates/,
  );
  const manifest = {
    version: '2.1.0',
    minFrom: '1.9.3',
    channel: 'stable',
    expires: '2026-04-01T00:00:00.000000000Z',
    artefacts: [{ platform: 'linux-x64', sha256: new Uint8Array(32), bytes: 77 }],
  };
  const lines = describeBody({ kind: 'release', body: manifest }).join('\n');
  for (const word of ['2.1.0', 'from 1.9.3 on', 'stable', '2026-04-01', 'linux-x64', '77 bytes'])
    assert.ok(lines.includes(word), word);
});

test('a snapshot follows its predecessor, in order of peer ids, and never before it in time', async () => {
  const { admin, proof, genesis } = await found('acme', 0);
  const member = (peerId: string, name: string) => ({
    ...{ peerId, name, tier: 2 as const, capabilities: [], zone: '', draining: false, addresses: [] },
  });
  const a = member('12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', 'a');
  const b = member('12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEq', 'b');
  const who = { signer: admin.signer, proof };
  const start = { epoch: 0, hash: genesis.hash, issuedAtMs: NOW_MS };
  const first: SignedDocument<Snapshot> = await signSnapshot(
    who,
    start,
    { members: [b, a], nowMs: NOW_MS },
    crypto,
  );
  assert.deepEqual(
    first.body.members.map(({ name }) => name),
    ['a', 'b'],
  );
  const terms = { members: [a], nowMs: NOW_MS - 86_400_000 };
  const second = await signSnapshot(who, asPredecessor(first), terms, crypto);
  assert.equal(second.body.epoch, 2);
  assert.deepEqual(second.body.previous, first.hash);
  assert.equal(second.body.issuedAt, first.body.issuedAt);
});

test('two rotations that as many holders signed fork the transcript; the copy of one that a further holder signed settles it', async () => {
  const { system, proof, report, transcript } = await found('acme', 0);
  const [one, two, three] = system.map(({ signer }) => signer);
  const next = testKey(200);
  assert.ok(one && two && three);
  const { systemId, chain, rootDocuments } = report;
  const ask = (nowMs: number) => {
    const terms = {
      ...{ keys: [next.publicKey], threshold: 1, keptProofs: [proof.hash], keptRevocations: [] },
    };
    const body = rotationBody({ systemId, chain, nowMs }, terms);
    return createRequest('rotation', body, rootDocuments, crypto);
  };
  const right = await ask(NOW_MS + 1_000);
  const wrong = await ask(NOW_MS + 2_000);
  assert.match(describeBody(right).join(), /keeps the admin proofs .*keeps no revocation/);
  let text = transcript;
  const at = report.root.genesis.createdAt;
  const append = async (document: Uint8Array) => {
    text = appendToTranscript(text, { at, kind: 'rotation', document }, crypto);
    const { chain: root } = await verifyTranscript(text, crypto);
    return [root.links.length, root.fork !== undefined];
  };
  assert.deepEqual(await append(await signWithAll(right, [one, two, next], crypto)), [2, false]);
  assert.deepEqual(await append(await signWithAll(wrong, [two, three, next], crypto)), [1, true]);
  assert.deepEqual(await append(await signWithAll(right, [one, two, three, next], crypto)), [2, false]);
});
