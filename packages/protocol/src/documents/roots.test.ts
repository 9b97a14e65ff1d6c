import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type AdminProof,
  fromHex,
  type Genesis,
  isCovered,
  isRevocationSigned,
  judgeRotation,
  type KeyRotation,
  type P2posError,
  type Proof,
  proofWindow,
  type Revocation,
  revoked,
  rootChain,
  type Signed,
} from '../index.ts';

const hash = (name: number) => name.toString(16).padStart(64, '0');
const bytes = (name: number) => fromHex(hash(name));
const day = (number: number) => `2026-01-${String(number).padStart(2, '0')}T00:00:00.000000000Z`;

const genesis: Signed<Genesis> = {
  hash: hash(1),
  signers: new Set(),
  body: { systemKeys: [bytes(11), bytes(12), bytes(13)], threshold: 2 } as unknown as Genesis,
};
const rotation = (
  name: number,
  previous: number,
  keys: readonly number[],
  signers: readonly number[],
  fields: Partial<KeyRotation> = {},
): Signed<KeyRotation> => ({
  hash: hash(name),
  signers: new Set(signers.map(hash)),
  body: {
    version: 2,
    systemId: 'sys1',
    createdAt: day(10),
    previous: bytes(previous),
    keys: keys.map(bytes),
    threshold: Math.floor(keys.length / 2) + 1,
    keptSerials: [],
    ...fields,
  },
});
const proof = (signers: readonly number[], fields: Partial<AdminProof> = {}): Proof => ({
  hash: hash(99),
  signers: new Set(signers.map(hash)),
  body: { serial: 's1', validFrom: day(1), validTo: day(30), ...fields } as AdminProof,
});
const second = rotation(2, 1, [21, 22, 23], [11, 12, 21, 22]);

describe('key rotations', () => {
  test('follow one another by version and hash', () => {
    const third = rotation(3, 2, [31], [21, 22, 31], { version: 3, createdAt: day(12) });
    const chain = rootChain(genesis, [third, second]);
    assert.deepEqual(
      chain.links.map(({ version }) => version),
      [1, 2, 3],
    );
    assert.equal(chain.fork, undefined);
  });

  const judge = (candidate: Signed<KeyRotation>, stored: readonly Signed<KeyRotation>[] = []) => {
    try {
      judgeRotation(rootChain(genesis, stored), stored, candidate, day(20));
      return 'accepted';
    } catch (error) {
      return (error as P2posError).code;
    }
  };
  const cases: readonly [string, Signed<KeyRotation>, string][] = [
    ['by the old and the new threshold', second, 'accepted'],
    ['without enough old keys', rotation(2, 1, [21, 22, 23], [11, 21, 22]), 'ROTATION_SIGNATURE'],
    ['without enough new keys', rotation(2, 1, [21, 22, 23], [11, 12, 21]), 'ROTATION_SIGNATURE'],
    ['by keys of nobody', rotation(2, 1, [21, 22, 23], [41, 42, 21, 22]), 'ROTATION_SIGNATURE'],
    ['with a version too high', rotation(2, 1, [21], [11, 12, 21], { version: 3 }), 'ROTATION_VERSION'],
    ['after something unknown', rotation(2, 7, [21], [11, 12, 21]), 'ROTATION_PREVIOUS_UNKNOWN'],
    ['of the future', rotation(2, 1, [21], [11, 12, 21], { createdAt: day(21) }), 'ROTATION_DATE'],
  ];
  for (const [name, candidate, expected] of cases)
    test(`${name}: ${expected}`, () => assert.equal(judge(candidate), expected));

  test('may not be older than the one before', () => {
    assert.equal(
      judge(rotation(3, 2, [31], [21, 22, 31], { version: 3, createdAt: day(9) }), [second]),
      'ROTATION_DATE',
    );
  });

  test('a fork puts neither child in force, halts what follows either, and keeps both', () => {
    const rival = rotation(4, 1, [41], [11, 13, 41]);
    assert.equal(judge(rival, [second]), 'accepted');
    const chain = rootChain(genesis, [second, rival]);
    assert.deepEqual(
      chain.links.map(({ hash: name }) => name),
      [hash(1)],
    );
    assert.deepEqual(chain.fork, { parent: hash(1), version: 1, children: [hash(2), hash(4)] });
    assert.equal(judge(rotation(5, 2, [51], [21, 22, 51], { version: 3 }), [second, rival]), 'ROOT_FORKED');
  });

  test('the chain does not depend on the order in which rotations came', () => {
    const all = [
      second,
      rotation(3, 2, [31], [21, 22, 31], { version: 3 }),
      rotation(6, 3, [61], [31, 61], { version: 4 }),
      rotation(7, 3, [71], [31, 71], { version: 4 }),
    ];
    const expected = rootChain(genesis, all);
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 4 }), (order) => {
        assert.deepEqual(rootChain(genesis, order), expected);
      }),
    );
  });
});

describe('admin proofs', () => {
  const chain = rootChain(genesis, [second]);
  const kept = rootChain(genesis, [rotation(2, 1, [21, 22, 23], [11, 12, 21, 22], { keptSerials: ['s1'] })]);
  const covers = (root: typeof chain, candidate: Proof, at: string) => {
    const window = proofWindow(root, candidate);
    return window !== undefined && isCovered(window, at);
  };

  test('T3: a proof counts within its dates only, both included', () => {
    const only = rootChain(genesis, []);
    const candidate = proof([11, 12], { validFrom: day(5), validTo: day(20) });
    assert.deepEqual(
      [4, 5, 20, 21].map((at) => covers(only, candidate, day(at))),
      [false, true, true, false],
    );
  });

  test('T4: without enough system keys nobody is an admin', () => {
    assert.equal(proofWindow(chain, proof([])), undefined);
    assert.equal(proofWindow(chain, proof([11])), undefined);
    assert.equal(proofWindow(chain, proof([41, 42, 43])), undefined);
  });

  test('a rotation ends the proofs it does not keep, at its date', () => {
    assert.deepEqual(
      [9, 10, 11].map((at) => covers(chain, proof([11, 12]), day(at))),
      [true, false, false],
    );
    assert.deepEqual(
      [9, 10, 11].map((at) => covers(kept, proof([11, 12]), day(at))),
      [true, true, true],
    );
  });

  test('old keys make no proof that begins after the rotation', () => {
    assert.equal(covers(chain, proof([11, 12], { validFrom: day(11) }), day(12)), false);
    assert.equal(covers(chain, proof([21, 22], { validFrom: day(11) }), day(12)), true);
  });

  test('keys that stay in office do not carry an old proof over a rotation', () => {
    const partly = rootChain(genesis, [rotation(2, 1, [11, 12, 24], [11, 12, 24])]);
    assert.equal(covers(partly, proof([11, 12]), day(11)), false);
    assert.equal(covers(partly, proof([11, 12], { validFrom: day(10) }), day(11)), true);
  });

  test('proofs under contested keys do not count', () => {
    const forked = rootChain(genesis, [second, rotation(4, 1, [41], [11, 13, 41])]);
    assert.equal(proofWindow(forked, proof([21, 22], { validFrom: day(11) })), undefined);
    assert.ok(proofWindow(forked, proof([11, 12])));
  });
});

describe('revocations', () => {
  const revocation = (signers: readonly number[], body: Partial<Revocation>): Signed<Revocation> => ({
    hash: hash(80),
    signers: new Set(signers.map(hash)),
    body: { serials: [], peerIds: [], ...body } as unknown as Revocation,
  });

  test('count with the threshold of any keys of the chain, and add up', () => {
    const chain = rootChain(genesis, [second]);
    const all = [
      revocation([11, 12], { peerIds: ['a'], serials: [{ serial: 's1', lastGoodSnapshot: bytes(7) }] }),
      revocation([22, 23], { peerIds: ['b'], serials: [{ serial: 's1' }, { serial: 's2' }] }),
      revocation([11, 22], { peerIds: ['c'] }),
    ];
    assert.deepEqual(
      all.map((one) => isRevocationSigned(chain, one)),
      [true, true, false],
    );
    const { peers, serials } = revoked(chain, all);
    assert.deepEqual([...peers], ['a', 'b']);
    assert.deepEqual(
      [...serials],
      [
        ['s1', [hash(7), undefined]],
        ['s2', [undefined]],
      ],
    );
  });
});
