/**
 * Random histories of proofs, rotations, revocations, forks, merges and snapshots, with forged documents among them, handed to
 * nodes with skewed clocks in any order and more than once, through partitions and restarts: those that can talk end on one
 * state, what is in force there is what the rules allow, and nothing forged was ever taken.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '@p2pos/protocol';
import { createPuller } from '@p2pos/protocol/membership';
import fc from 'fast-check';
import { createMemoryDisk } from '../../testing/memory-store.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import type { Identity } from '../identity/index.ts';
import { silentLogger } from '../log/index.ts';
import type { PeerId } from '../net/index.ts';
import { shuffle } from '../random/index.ts';
import type { Rpc } from '../rpc/index.ts';
import { type DocumentQuery, type MembershipJournal, openMembership } from './index.ts';
import { type History, type Item, writeHistory } from './testing/history.ts';

const MINUTE_MS = 60_000;
const WINDOW_MS = 5 * MINUTE_MS;
/** The last one is so wrong that it takes nothing first-hand that the others do, and still must agree. */
const SKEWS_MS = [0, 4 * MINUTE_MS, -4 * MINUTE_MS, 20 * MINUTE_MS];
const { signal } = new AbortController();

interface Group extends AsyncDisposable {
  readonly nodes: readonly MembershipJournal[];
  /** Closes it and opens it again on the same disk. */
  restart(i: number): Promise<void>;
  /** Each of these asks each other, as nodes do, until none lacks anything. */
  exchange(members: readonly number[]): Promise<void>;
  /** Hands it in, and checks what is answered against what it is. */
  hand(i: number, item: Item): Promise<void>;
}

async function openGroup(seed: string, { system, clock }: History): Promise<Group> {
  const disks = SKEWS_MS.map((_, i) => createMemoryDisk(createSeededRandom(`${seed}/${i}`)));
  const nodes: MembershipJournal[] = [];
  const peerIds = system.nodes.map(({ peerId }) => peerId);

  async function open(i: number): Promise<void> {
    const disk = disks[i];
    const skewMs = SKEWS_MS[i] ?? 0;
    const skewed = { now: () => clock.now() + skewMs, monotonic: clock.monotonic, after: clock.after };
    const identity = system.nodes[i] as Identity;
    const store = disk?.open();
    assert.ok(store);
    nodes[i] = await openMembership(
      { store, crypto: system.crypto, clock: skewed, log: silentLogger, identity },
      { systemId: system.systemId, genesisBytes: system.genesis.bytes },
    );
  }

  /** What a peer answers on the wire, in small pages. */
  const call = async (peerId: PeerId, _capability: unknown, method: string, input: object) => {
    const peer = nodes[peerIds.indexOf(peerId)] as MembershipJournal;
    if (method === 'heads') return peer.heads();
    return peer.documents({ ...(input as DocumentQuery), maxDocuments: 3, maxBytes: 1_048_576 });
  };
  const pullerOf = (i: number) =>
    createPuller({
      membership: nodes[i] as MembershipJournal,
      rpc: { call: call as unknown as Rpc['call'] },
      log: silentLogger,
    });

  for (const i of SKEWS_MS.keys()) await open(i);
  return {
    nodes,
    async restart(i) {
      const before = stateOf(nodes[i]);
      await nodes[i]?.[Symbol.asyncDispose]();
      await open(i);
      assert.deepEqual(stateOf(nodes[i]), before, `${seed}: a restart changed what is in force`);
    },
    async exchange(members) {
      for (let round = 0; round < 8; round++) {
        for (const i of members) {
          for (const j of members) if (i !== j) await pullerOf(i).pull(peerIds[j] ?? '', signal);
        }
        const [one, ...others] = members.map((i) => JSON.stringify(nodes[i]?.heads()));
        if (others.every((heads) => heads === one)) break;
      }
      const [first, ...rest] = members;
      for (const i of rest) assert.deepEqual(stateOf(nodes[i]), stateOf(nodes[first ?? 0]), seed);
    },
    async hand(i, { kind, bytes, hash, countersignature, forged, badWord, issuedAtMs }) {
      const node = nodes[i] as MembershipJournal;
      const held = kind === 'snapshot' && node.holds(hash);
      const { result } = await node.submit({ kind, bytes, countersignature, from: 'peer' });
      if (forged) assert.equal(result, 'refused', `${seed}: a forged ${kind} was ${result}`);
      if (badWord) assert.notEqual(result, 'applied', `${seed}: taken for the word of no member`);
      if (badWord && !held) assert.ok(!node.holds(hash), `${seed}: kept for the word of no member`);
      if (issuedAtMs === undefined || held) return;
      const offMs = Math.abs(issuedAtMs - clock.now() - (SKEWS_MS[i] ?? 0));
      if (offMs > WINDOW_MS) assert.ok(!node.holds(hash), `${seed}: taken first-hand, ${offMs} ms off`);
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node[Symbol.asyncDispose]();
      for (const disk of disks) disk[Symbol.dispose]();
    },
  };
}

function stateOf(node: MembershipJournal | undefined) {
  assert.ok(node);
  const { fork, conflicts, root, proof } = node.status();
  return {
    heads: node.heads(),
    members: [...node.view().members.keys()].sort(),
    fork,
    conflicts,
    root,
    proof,
  };
}

async function listOf(node: MembershipJournal, list: DocumentQuery['list']): Promise<string[]> {
  const query = { list, after: { epoch: -1, hash: '' }, maxDocuments: 1_000, maxBytes: 64 * 1_048_576 };
  return (await node.documents(query)).documents.map(({ hash }) => hash);
}

/** The keys in office as the writer of the history knows them, and what ended with those before. */
interface Office {
  readonly links: readonly string[];
  readonly contested: boolean;
  /** Of the link at the same place; past the last one, of a fork. */
  readonly endings: readonly { readonly at: string; readonly keeps: (hash: string) => boolean }[];
}

function officeOf({ system, rotations }: History): Office {
  const links = [toHex(system.genesis.hash)];
  const endings: Office['endings'][number][] = [{ at: '', keeps: () => false }];
  for (;;) {
    const next = rotations.filter(({ previous }) => previous === links.at(-1));
    const most = Math.max(...next.map(({ votes }) => votes));
    const winners = next.filter(({ votes }) => votes === most);
    const [winner] = winners;
    if (!winner) return { links, contested: false, endings };
    endings.push({
      at: winners.map(({ createdAt }) => createdAt).sort()[0] ?? '',
      keeps: (hash) => winners.every(({ kept }) => kept.includes(hash)),
    });
    if (winners.length > 1) return { links, contested: true, endings };
    links.push(winner.hash);
  }
}

/** What is in force, judged anew by what the writer of the history knows. */
async function requireAllowed(seed: string, node: MembershipJournal, history: History): Promise<void> {
  const { items, facts } = history;
  const forged = new Set(items.filter((item) => item.forged).map(({ hash }) => hash));
  for (const { hash, result, document } of await node.auditEntries(0, 1_000)) {
    assert.ok(result !== 'accepted' || !forged.has(hash ?? ''), `${seed}: a forged ${document} was accepted`);
  }
  const { links, contested, endings } = officeOf(history);
  const { root, fork } = node.status();
  assert.deepEqual([root?.keysVersion, fork !== undefined], [links.length, contested], `${seed}: the keys`);

  const counting = history.revocations.filter(({ hash, under }) => {
    const since = links.indexOf(under);
    return since >= 0 && endings.slice(since + 1, links.length).every(({ keeps }) => keeps(hash));
  });
  const revocations = await listOf(node, 'revocations');
  assert.deepEqual(revocations.toSorted(), counting.map(({ hash }) => hash).sort(), `${seed}: revocations`);

  const chain = (await listOf(node, 'snapshots')).map((hash) => facts.get(hash));
  chain.forEach((snapshot, i) => {
    assert.ok(snapshot, `${seed}: nobody wrote it`);
    const { hash, previous, serial, issuedAt, proof, under } = snapshot;
    if (i > 0) assert.equal(previous, chain[i - 1]?.hash, seed);
    if (i > 0) assert.ok(issuedAt >= (chain[i - 1]?.issuedAt ?? ''), seed);
    for (const taken of counting) {
      if (taken.serial !== serial) continue;
      assert.ok(pathTo(taken.lastGood, facts).has(hash), `${seed}: in force after its admin was revoked`);
    }
    const signedIn = links.indexOf(under);
    assert.ok(signedIn >= 0, `${seed}: of keys that are not in office`);
    for (const { at, keeps } of endings.slice(signedIn + 1)) {
      assert.ok(keeps(proof) || issuedAt < at, `${seed}: its proof ended with the keys that signed it`);
    }
  });
  // What newer keys have built on comes before what older ones dated.
  const [, second = ''] = links;
  const good = [...chain, ...(await listOf(node, 'branches')).map((hash) => facts.get(hash))];
  const newer = good.flatMap((one) => (one?.under === second ? [pathTo(one.hash, facts)] : []));
  for (const one of newer.length > 0 ? good : []) {
    if (!one || one.under === second || endings[1]?.keeps(one.proof)) continue;
    assert.ok(
      newer.some((path) => path.has(one.hash)),
      `${seed}: of keys that were replaced, and beside what the newer ones signed`,
    );
  }
  for (const { refused } of node.status().conflicts) {
    for (const peerId of refused) assert.ok(!node.view().members.has(peerId), `${seed}: a branch removed it`);
  }
}

function pathTo(hash: string | undefined, facts: History['facts']): ReadonlySet<string> {
  const path = new Set<string>();
  for (let at = hash && facts.get(hash); at; at = facts.get(at.previous)) path.add(at.hash);
  return path;
}

test('T1–T8 together: whatever the order, the replays, the clocks, the partitions and the restarts, nodes that can talk end on one state, and nothing forged counts', async () => {
  const seen = {
    deepest: 0,
    forks: 0,
    conflicts: 0,
    merges: 0,
    revoked: 0,
    rotatedTwice: 0,
    outvoted: 0,
    firstHand: 0,
  };
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (number) => {
      const seed = `history-${number}`;
      const history = await writeHistory(seed);
      const { random, items } = history;
      await using group = await openGroup(seed, history);
      const { nodes, hand, exchange, restart } = group;
      const all = [...nodes.keys()];

      // Each hears of some, in an order of its own, some of them twice.
      for (const i of all) {
        const some = items.filter(() => random.float() < 0.7);
        const replays = some.filter(() => random.float() < 0.3);
        for (const item of shuffle(random, [...some, ...replays])) await hand(i, item);
      }
      await restart(random.below(all.length));
      // Those on one side of a partition agree, then all do.
      await exchange([0, 1]);
      await exchange([2, 3]);
      await exchange(all);
      for (const item of items) if (item.issuedAtMs !== undefined) await hand(random.below(all.length), item);
      for (const i of all) await restart(i);
      // In the end everybody is told everything, in order and again.
      for (let round = 0; round < 3; round++)
        for (const i of all) for (const item of items) await hand(i, item);
      await exchange(all);
      for (const node of nodes) await requireAllowed(seed, node, history);

      const [node] = nodes;
      assert.ok(node);
      const { fork, conflicts, root } = node.status();
      seen.deepest = Math.max(seen.deepest, node.heads().epoch);
      seen.forks += fork ? 1 : 0;
      seen.conflicts += conflicts.length;
      seen.merges += node.view().snapshot?.merges.length ?? 0;
      seen.revoked += root?.revocations ?? 0;
      seen.outvoted +=
        (await listOf(node, 'rotations')).length > (root?.keysVersion ?? 1) - 1 && !fork ? 1 : 0;
      seen.rotatedTwice += root?.keysVersion === 3 ? 1 : 0;
      seen.firstHand += items.filter(
        ({ hash, issuedAtMs }) => issuedAtMs !== undefined && node.holds(hash),
      ).length;
    }),
    { numRuns: 25, seed: 7 },
  );
  // Else it would show nothing.
  assert.ok(seen.deepest > 3 && Object.values(seen).every((count) => count > 0), JSON.stringify(seen));
});
