import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { instantCrypto as crypto } from '../../../testing/instant-crypto.ts';
import { buildTree, foldPath, leafHash } from './merkle.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('roots are those of the reference implementation of Certificate Transparency', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ];
  const leaves = inputs.map((input) => leafHash(crypto, new Uint8Array(Buffer.from(input, 'hex'))));
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  for (const [i, root] of roots.entries())
    assert.equal(hex(buildTree(crypto, leaves.slice(0, i + 1)).root), root);
});

const leaf = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('every path leads to the root, and no other leaf, place or path does', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(leaf, { minLength: 1, maxLength: 80, comparator: (a, b) => hex(a) === hex(b) }),
      fc.nat(),
      fc.nat(),
      (leaves, pick, flip) => {
        const tree = buildTree(crypto, leaves);
        const size = leaves.length;
        const index = pick % size;
        const own = leaves[index] as Uint8Array;
        const path = tree.path(index);
        const root = hex(tree.root);
        const fold = (hash: Uint8Array, at: { index: number; size: number; path: Uint8Array }) => {
          const folded = foldPath(crypto, hash, at);
          return folded && hex(folded);
        };
        assert.equal(fold(own, { index, size, path }), root);
        const other = own.map((byte, i) => (i === flip % 32 ? byte ^ 1 : byte));
        assert.notEqual(fold(other, { index, size, path }), root);
        for (let at = 0; at <= size; at++)
          if (at !== index) assert.notEqual(fold(own, { index: at, size, path }), root);
        assert.equal(fold(own, { index, size, path: new Uint8Array([...path, 0]) }), undefined);
        if (path.length > 0) {
          assert.equal(fold(own, { index, size, path: path.slice(1) }), undefined);
          const bent = path.map((byte, i) => (i === flip % path.length ? byte ^ 1 : byte));
          assert.notEqual(fold(own, { index, size, path: bent }), root);
        }
      },
    ),
    { numRuns: 40 },
  );
});
