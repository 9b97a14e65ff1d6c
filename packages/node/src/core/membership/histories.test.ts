/**
 * Random histories of proofs, rotations, revocations, forks and snapshots, with forged documents among them, handed to nodes
 * with skewed clocks in any order and more than once: those that can talk end on one state, and nothing forged ever counts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Countersignature,
  formatTimestamp,
  type Member,
  type SignedDocument,
  type Snapshot,
} from '@p2pos/protocol';
import fc from 'fast-check';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMemoryDisk } from '../../testing/memory-store.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { createTestSystem, type TestAdmin } from '../../testing/test-system.ts';
import type { Identity } from '../identity/index.ts';
import { silentLogger } from '../log/index.ts';
import { type DocumentName, type MembershipJournal, openMembership } from './index.ts';

interface Item {
  readonly kind: DocumentName;
  readonly bytes: Uint8Array;
  readonly hash: string;
  readonly countersignature?: Countersignature;
  readonly forged: boolean;
}

const MINUTE_MS = 60_000;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

async function write(seed: string) {
  const random = createSeededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.float() * list.length)] as T;
  const chance = (share: number) => random.float() < share;
  const clock = createManualClock();
  const now = clock.now();
  const start = now - 300 * MINUTE_MS;
  const system = await createTestSystem({ nodes: 4, now, seed });
  const fresh = system.identity('fresh').signer;
  const stranger = system.identity('stranger').signer;
  const items: Item[] = [];
  const add = (kind: DocumentName, { bytes, hash }: SignedDocument<unknown>, more: Partial<Item> = {}) =>
    void items.push({ kind, bytes, hash: hex(hash), forged: false, ...more });

  const rotatedAt = start + 150 * MINUTE_MS;
  const kept = chance(0.5) ? [system.admin.proof.body.serial] : [];
  const rotates = chance(0.6);
  const forks = rotates && chance(0.2);
  const rotation = { createdAt: formatTimestamp(rotatedAt), keptSerials: kept };
  if (rotates) add('rotation', await system.rotation(rotation, [fresh]));
  if (forks) add('rotation', await system.rotation(rotation, [system.identity('third').signer]));
  add('rotation', await system.rotation(rotation, [stranger], [stranger]), { forged: true });

  const begin = { validFrom: formatTimestamp(start - MINUTE_MS) };
  const remover = await system.createAdmin('remover', { ...begin, scopes: ['members:remove'] });
  const late = await system.createAdmin('late', { validFrom: formatTimestamp(rotatedAt + MINUTE_MS) }, [
    fresh,
  ]);
  const liar = await system.createAdmin('liar', begin, [stranger]);
  const admins: readonly TestAdmin[] = [system.admin, remover, late];

  const first = await system.snapshot({ members: system.members(), issuedAtMs: start });
  add('snapshot', first);
  const known: SignedDocument<Snapshot>[] = [first];
  const nodeOf = (peerId: string) => system.nodes.find((node) => node.peerId === peerId) as Identity;
  for (let step = 0; step < 8; step++) {
    const after = chance(0.7) ? (known.at(-1) ?? first) : pick(known);
    const at = Math.max(start + (step + 1) * 30 * MINUTE_MS, 0);
    const before = after.body.members;
    const lies = chance(0.2);
    const admin = lies ? liar : pick(admins);
    const members: readonly Member[] =
      before.length > 2 && (admin === remover || chance(0.3))
        ? before.toSpliced(Math.floor(random.float() * before.length), 1)
        : before.map((member, i) =>
            i === step % before.length ? { ...member, draining: !member.draining } : member,
          );
    const body = { force: false };
    const next = await system.snapshot({ after, members, issuedAtMs: at, admin, body });
    const by = nodeOf(pick(before).peerId);
    const countersignature = await system.countersign(next, by);
    add('snapshot', next, { countersignature, forged: lies });
    if (!lies) known.push(next);
  }
  if (chance(0.5)) {
    const lastGoodSnapshot = chance(0.5) ? { lastGoodSnapshot: pick(known).hash } : {};
    const { serial } = pick([system.admin, remover]).proof.body;
    const who = rotates && !forks && chance(0.5) ? [fresh] : system.systemSigners;
    add('revocation', await system.revocation({ serials: [{ serial, ...lastGoodSnapshot }] }, who));
  }
  if (chance(0.3))
    add('revocation', await system.revocation({ epoch: 2, peerIds: [system.nodes[3]?.peerId ?? ''] }));
  add('revocation', await system.revocation({ peerIds: [system.nodes[0]?.peerId ?? ''] }, [stranger]), {
    forged: true,
  });
  return { random, clock, system, items, forks };
}

test('T1–T8 together: whatever the order, the replays and the clocks, nodes that can talk end on one state, and nothing forged counts', async () => {
  const seen = { deepest: 0, forks: 0, conflicts: 0 };
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (number) => {
      const seed = `history-${number}`;
      const { random, clock, system, items } = await write(seed);
      const shuffled = () => {
        const list = [...items, ...items.filter(() => random.float() < 0.3)];
        for (let i = list.length - 1; i > 0; i--) {
          const j = Math.floor(random.float() * (i + 1));
          [list[i], list[j]] = [list[j] as Item, list[i] as Item];
        }
        return list;
      };
      await using stack = new AsyncDisposableStack();
      const nodes: MembershipJournal[] = [];
      for (const [i, skewMs] of [0, 4 * MINUTE_MS, -4 * MINUTE_MS].entries()) {
        const skewed = { now: () => clock.now() + skewMs, monotonic: clock.monotonic, after: clock.after };
        const disk = stack.use(createMemoryDisk(createSeededRandom(`${seed}/${i}`)));
        const identity = system.nodes[i] as Identity;
        const deps = {
          store: stack.use(disk.open()),
          crypto: system.crypto,
          clock: skewed,
          log: silentLogger,
          identity,
        };
        nodes.push(
          stack.use(
            await openMembership(deps, { systemId: system.systemId, genesisBytes: system.genesis.bytes }),
          ),
        );
      }
      const hand = async (node: MembershipJournal, { kind, bytes, countersignature }: Item) =>
        (await node.submit({ kind, bytes, countersignature, from: 'peer' })).result;
      for (const node of nodes) {
        for (const item of shuffled()) {
          const result = await hand(node, item);
          assert.ok(!item.forged || result === 'refused', `${seed}: a forged ${item.kind} was ${result}`);
        }
      }
      // They tell each other what they hold until nobody learns anything more.
      for (let round = 0; round < 12; round++) {
        for (const node of nodes) for (const item of items) await hand(node, item);
      }
      const states = nodes.map((node) => ({
        heads: node.heads(),
        members: [...node.view().members.keys()].sort(),
        fork: node.status().fork,
        conflicts: node.status().conflicts,
      }));
      assert.deepEqual(states[1], states[0], seed);
      assert.deepEqual(states[2], states[0], seed);
      seen.deepest = Math.max(seen.deepest, nodes[0]?.heads().epoch ?? 0);
      seen.forks += states[0]?.fork ? 1 : 0;
      seen.conflicts += states[0]?.conflicts.length ?? 0;
      const forged = new Set(items.filter((item) => item.forged).map(({ hash }) => hash));
      for (const node of nodes) {
        assert.ok(!forged.has(hex(node.view().hash)));
        for (const hash of forged) assert.ok(!node.holds(hash));
      }
    }),
    { numRuns: 25, seed: 7 },
  );
  // Else it would show nothing.
  assert.ok(seen.deepest > 2 && seen.forks > 0 && seen.conflicts > 0, JSON.stringify(seen));
});
