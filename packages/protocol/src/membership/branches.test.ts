import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { conflicts, losingSnapshots, type SnapshotNode, SnapshotTree, winningChain } from './branches.ts';

interface Sketch {
  readonly hash: string;
  readonly previous?: string;
  readonly at?: number;
  readonly added?: readonly string[];
  readonly removed?: readonly string[];
  readonly merges?: readonly string[];
}

/** Parents stand before their children. */
function grow(sketches: readonly Sketch[]): SnapshotTree {
  const tree = new SnapshotTree('root');
  for (const { hash, previous = 'root', at = 0, added = [], removed = [], merges = [] } of sketches) {
    const epoch = (tree.get(previous)?.epoch ?? 0) + 1;
    tree.add({ hash, previous, epoch, issuedAt: String(at).padStart(3, '0'), added, removed, merges });
  }
  return tree;
}
const all = () => true;
const names = (nodes: readonly SnapshotNode[]) => nodes.map(({ hash }) => hash).join(' ');
const winner = (
  sketches: readonly Sketch[],
  isGood: (node: SnapshotNode) => boolean = all,
  anchor?: string,
) => names(winningChain(grow(sketches), { isGood, anchor }));

describe('branches', () => {
  test('the later child wins, whatever the length of the other branch', () => {
    assert.equal(
      winner([
        { hash: 'a' },
        { hash: 'b1', previous: 'a', at: 1 },
        { hash: 'c1', previous: 'b1', at: 8 },
        { hash: 'd1', previous: 'c1', at: 9 },
        { hash: 'b2', previous: 'a', at: 2 },
      ]),
      'a b2',
    );
  });

  test('of two of one time the greater hash wins', () => {
    assert.equal(
      winner([{ hash: 'a' }, { hash: 'b1', previous: 'a' }, { hash: 'b2', previous: 'a' }]),
      'a b2',
    );
  });

  test('a void child is passed over with all that follows it', () => {
    const sketches = [
      { hash: 'a' },
      { hash: 'b1', previous: 'a', at: 1 },
      { hash: 'c1', previous: 'b1', at: 1 },
      { hash: 'b2', previous: 'a', at: 2 },
      { hash: 'c2', previous: 'b2', at: 3 },
    ];
    assert.equal(
      winner(sketches, ({ hash }) => !hash.endsWith('2')),
      'a b1 c1',
    );
  });

  test('a first snapshot that was built on is not displaced by a later first one', () => {
    const founded = [
      { hash: 'a1', at: 1 },
      { hash: 'b1', previous: 'a1', at: 2 },
    ];
    assert.equal(winner([...founded, { hash: 'a2', at: 9 }]), 'a1 b1');
    assert.equal(
      winner([
        { hash: 'a1', at: 1 },
        { hash: 'a2', at: 9 },
      ]),
      'a2',
    );
  });

  test('an anchor names a snapshot that the chain must pass', () => {
    const sketches = [
      { hash: 'a' },
      { hash: 'b1', previous: 'a', at: 1 },
      { hash: 'c1', previous: 'b1', at: 1 },
      { hash: 'b2', previous: 'a', at: 2 },
    ];
    assert.equal(winner(sketches, all, 'b1'), 'a b1 c1');
    assert.equal(winner(sketches, all, 'not held'), '');
  });

  test('the chain is the same whatever the order in which snapshots came', () => {
    const tree = fc.array(fc.record({ parent: fc.nat(), at: fc.nat(3) }), { minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(tree, fc.infiniteStream(fc.nat()), (shape, picks) => {
        const sketches = shape.map(({ parent, at }, index): Sketch => {
          const previous = parent % (index + 1);
          return {
            hash: `s${String(index).padStart(2, '0')}`,
            at,
            ...(previous > 0 && { previous: `s${String(previous - 1).padStart(2, '0')}` }),
          };
        });
        const ready = new Set(['root']);
        const left = [...sketches];
        const reordered: Sketch[] = [];
        while (left.length > 0) {
          const open = left.filter(({ previous = 'root' }) => ready.has(previous));
          const next = open[(picks.next().value as number) % open.length] as Sketch;
          left.splice(left.indexOf(next), 1);
          ready.add(next.hash);
          reordered.push(next);
        }
        assert.equal(winner(reordered), winner(sketches));
        const losers = (order: readonly Sketch[]) => {
          const grown = grow(order);
          return names(losingSnapshots(grown, winningChain(grown, { isGood: all }), all));
        };
        assert.equal(losers(reordered), losers(sketches));
      }),
    );
  });
});

describe('conflicts', () => {
  const refusedIn = (sketches: readonly Sketch[]) => {
    const tree = grow(sketches);
    return conflicts(tree, winningChain(tree, { isGood: all }), all).map(
      ({ loser, refused }) => `${loser}: ${refused.join(' ')}`,
    );
  };
  const base: readonly Sketch[] = [
    { hash: 'a', added: ['p', 'q', 'r'] },
    { hash: 'b1', previous: 'a', at: 1, removed: ['p'] },
    { hash: 'b2', previous: 'a', at: 2, removed: ['q'] },
  ];

  test('a peer removed by the branch that lost is refused', () => {
    assert.deepEqual(refusedIn(base), ['b1: p']);
  });

  test('until a snapshot in force merges that branch and names the peer', () => {
    assert.deepEqual(refusedIn([...base, { hash: 'c', previous: 'b2', at: 3, merges: ['b1', 'b2'] }]), []);
  });

  test('a merge that leaves the peer out settles it too; a later snapshot may add it', () => {
    const merge: Sketch = { hash: 'c', previous: 'b2', at: 3, removed: ['p'], merges: ['b1', 'b2'] };
    assert.deepEqual(refusedIn([...base, merge]), []);
    assert.deepEqual(refusedIn([...base, merge, { hash: 'd', previous: 'c', at: 4, added: ['p'] }]), []);
  });

  test('naming the peer without a merge does not help', () => {
    assert.deepEqual(
      refusedIn([
        ...base,
        { hash: 'c', previous: 'b2', at: 3, removed: ['p'] },
        { hash: 'd', previous: 'c', at: 4, added: ['p'] },
      ]),
      ['b1: p'],
    );
  });

  test('a merge covers what stood before the snapshot it names, not what came after', () => {
    const later: Sketch = { hash: 'c1', previous: 'b1', at: 2, removed: ['r'] };
    const merge = (named: string): Sketch => ({ hash: 'c2', previous: 'b2', at: 3, merges: [named] });
    assert.deepEqual(refusedIn([...base, later, merge('b1')]), ['c1: r']);
    assert.deepEqual(refusedIn([...base, later, merge('c1')]), []);
  });

  test('removed and added again on the branch that lost is not removed', () => {
    assert.deepEqual(refusedIn([...base, { hash: 'c1', previous: 'b1', at: 2, added: ['p'] }]), ['c1: ']);
  });

  test('rival first snapshots remove nobody', () => {
    assert.deepEqual(
      refusedIn([
        { hash: 'x', at: 0, added: ['z'] },
        { hash: 'y', at: 1, added: ['p'] },
      ]),
      [],
    );
  });
});
