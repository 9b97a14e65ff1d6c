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
    keptProofs: [],
    keptRevocations: [],
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
      const held = new Map(stored.map((one) => [one.hash, one]));
      return judgeRotation(rootChain(genesis, stored), held, candidate, day(20)) ? 'accepted' : 'held';
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

  const links = (...stored: Signed<KeyRotation>[]) =>
    rootChain(genesis, stored).links.map(({ hash: name }) => name);

  test('a fork with as many old keys puts neither child in force, halts what follows either, and keeps both', () => {
    const rival = rotation(4, 1, [41], [11, 13, 41]);
    assert.equal(judge(rival, [second]), 'accepted');
    assert.deepEqual(links(second, rival), [hash(1)]);
    const { fork } = rootChain(genesis, [second, rival]);
    assert.deepEqual([fork?.parent, fork?.children], [hash(1), [hash(2), hash(4)]]);
    assert.equal(judge(rotation(5, 2, [51], [21, 22, 51], { version: 3 }), [second, rival]), 'ROOT_FORKED');
  });

  test('of two the one that more of the old keys signed is in force, whatever its date; one signature more settles a fork', () => {
    const late = rotation(4, 1, [41], [11, 12, 41], { createdAt: day(2) });
    const whole = rotation(2, 1, [21, 22, 23], [11, 12, 13, 21, 22]);
    assert.equal(judge(late, [whole]), 'accepted');
    assert.deepEqual(links(whole, late), [hash(1), hash(2)]);
    const third = rotation(3, 2, [31], [21, 22, 31], { version: 3 });
    assert.equal(judge(third, [whole, late]), 'accepted');
    assert.equal(judge(rotation(5, 4, [51], [41, 51], { version: 3 }), [whole, late]), 'ROTATION_OUTVOTED');

    assert.deepEqual(links(second, late), [hash(1)]);
    assert.equal(judge(whole, [second, late]), 'accepted');
    assert.equal(judge(second, [whole, late]), 'held');
    // New keys have no vote.
    const stuffed = rotation(4, 1, [41, 42, 43], [11, 12, 41, 42, 43]);
    assert.deepEqual(links(whole, stuffed), [hash(1), hash(2)]);
  });

  test('what is kept of a fork does not depend on the order, however many there are, and the strongest always finds a place', () => {
    const rivals = [4, 5, 6, 7, 8, 9].map((name) =>
      rotation(name, 1, [name * 10], [11, 12, name * 10], { createdAt: day(name) }),
    );
    const deep = rotation(10, 9, [100], [90, 100], { version: 3 });
    const whole = rotation(2, 1, [21, 22, 23], [11, 12, 13, 21, 22]);
    fc.assert(
      fc.property(fc.shuffledSubarray([...rivals, whole], { minLength: 7 }), (order) => {
        const held = new Map<string, Signed<KeyRotation>>();
        // Under the first one to come.
        const all = order[0]?.hash === hash(9) ? [...order.slice(0, 1), deep, ...order.slice(1)] : order;
        for (const one of all) {
          try {
            const displaced = judgeRotation(rootChain(genesis, held.values()), held, one, day(20));
            for (const name of displaced ?? []) held.delete(name);
            held.set(one.hash, one);
          } catch {
            // Behind those that are held.
          }
        }
        assert.deepEqual([...held.keys()].sort(), [2, 4, 5, 6].map(hash));
      }),
    );
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
  const kept = rootChain(genesis, [
    rotation(2, 1, [21, 22, 23], [11, 12, 21, 22], { keptProofs: [bytes(99)] }),
  ]);
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

  test('a rotation keeps a proof, not its serial: retired keys make no other proof with it', () => {
    const again = { ...proof([11, 12]), hash: hash(98) };
    assert.deepEqual(
      [9, 10, 11].map((at) => covers(kept, again, day(at))),
      [true, false, false],
    );
  });

  test('proofs under contested keys do not count, and older ones end with the earliest rotation of the fork', () => {
    const rival = rotation(4, 1, [41], [11, 13, 41], { createdAt: day(8), keptProofs: [bytes(99)] });
    const forked = rootChain(genesis, [second, rival]);
    assert.equal(proofWindow(forked, proof([21, 22], { validFrom: day(11) })), undefined);
    assert.deepEqual(
      [7, 8, 9, 11].map((at) => covers(forked, proof([11, 12]), day(at))),
      [true, false, false, false],
    );
    const both = rootChain(genesis, [
      { ...second, body: { ...second.body, keptProofs: [bytes(99)] } },
      rival,
    ]);
    assert.ok(covers(both, proof([11, 12]), day(11)));
    assert.equal(proofWindow(forked, proof([11, 12], { validFrom: day(9) })), undefined);
  });
});

describe('revocations', () => {
  const revocation = (signers: readonly number[], body: Partial<Revocation>): Signed<Revocation> => ({
    hash: hash(80),
    signers: new Set(signers.map(hash)),
    body: { serials: [], peerIds: [], ...body } as unknown as Revocation,
  });

  test('count with the threshold of the keys in force, and add up', () => {
    const chain = rootChain(genesis, [second]);
    const all = [
      revocation([21, 22], { peerIds: ['a'], serials: [{ serial: 's1', lastGoodSnapshot: bytes(7) }] }),
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

  test('of retired keys count only where every rotation since keeps them, so stolen ones take nobody out', () => {
    const old = revocation([11, 12], { peerIds: ['a'] });
    const keeping = rotation(2, 1, [21, 22, 23], [11, 12, 21, 22], { keptRevocations: [bytes(80)] });
    const counts = (...rotations: Signed<KeyRotation>[]) =>
      isRevocationSigned(rootChain(genesis, rotations), old);
    assert.deepEqual([counts(), counts(second), counts(keeping)], [true, false, true]);
    const next = { version: 3, createdAt: day(12) };
    assert.equal(counts(keeping, rotation(3, 2, [31], [21, 22, 31], next)), false);
    const further = { ...next, keptRevocations: [bytes(80)] };
    assert.equal(counts(keeping, rotation(3, 2, [31], [21, 22, 31], further)), true);
  });
});
