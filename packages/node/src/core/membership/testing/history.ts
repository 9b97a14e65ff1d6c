/**
 * A random history of a system's documents of trust, drawn from a seed: proofs that end, rotations and their forks, revocations,
 * snapshots that fork, merge and lose, and beside them what no node may ever take, marked as such by how it was made.
 */
import {
  type Countersignature,
  formatTimestamp,
  type Member,
  parseTimestamp,
  type SignedDocument,
  type Snapshot,
  toHex,
} from '@p2pos/protocol';
import type { DocumentName } from '@p2pos/protocol/membership';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createSeededRandom, type SeededRandom } from '../../../testing/seeded-random.ts';
import { keyedCrypto, keyedSignerOf } from '../../../testing/simnet/keyed-crypto.ts';
import { createTestSystem, type TestAdmin, type TestSystem } from '../../../testing/test-system.ts';
import type { Clock } from '../../clock/index.ts';
import type { Identity } from '../../identity/index.ts';
import { shuffle } from '../../random/index.ts';

export interface Item {
  readonly kind: DocumentName;
  readonly bytes: Uint8Array;
  /** Lower-case hex. */
  readonly hash: string;
  /** Absent: handed in first-hand. */
  readonly countersignature?: Countersignature;
  /** Breaks a rule that does not depend on what else is held: no node may take it. */
  readonly forged: boolean;
  /** A good snapshot with the word of somebody who was no member: no node may take it for that word. */
  readonly badWord?: boolean;
  /** Of a snapshot that comes first-hand, ms since the Unix epoch. */
  readonly issuedAtMs?: number;
}

export interface SnapshotFacts {
  readonly hash: string;
  readonly previous: string;
  readonly serial: string;
  readonly issuedAt: string;
  /** Of the admin proof. */
  readonly proof: string;
  /** Whose keys signed the proof: hash of the genesis or of a rotation. */
  readonly under: string;
}

export interface RotationFacts {
  readonly hash: string;
  readonly previous: string;
  readonly createdAt: string;
  /** How many keys of the document before signed it, of the copy with the most. */
  readonly votes: number;
  /** Hashes of proofs and revocations. */
  readonly kept: readonly string[];
}

export interface RevocationFacts {
  readonly hash: string;
  readonly under: string;
  /** Undefined: it takes a node. */
  readonly serial: string | undefined;
  readonly lastGood: string | undefined;
}

export interface History {
  readonly random: SeededRandom;
  readonly clock: Clock;
  readonly system: TestSystem;
  readonly items: readonly Item[];
  /** Of all snapshots, by hash. */
  readonly facts: ReadonlyMap<string, SnapshotFacts>;
  readonly rotations: readonly RotationFacts[];
  readonly revocations: readonly RevocationFacts[];
}

const MINUTE_MS = 60_000;
const STEPS = 10;

export async function writeHistory(seed: string): Promise<History> {
  const random = createSeededRandom(seed);
  const chance = (share: number) => random.float() < share;
  const clock = createManualClock();
  const now = clock.now();
  const start = now - 600 * MINUTE_MS;
  const keyed = { crypto: keyedCrypto, signerOf: keyedSignerOf };
  const system = await createTestSystem({ nodes: 4, now, seed, systemKeys: 3, threshold: 2, ...keyed });
  const other = await createTestSystem({ nodes: 1, now, seed: `${seed}/other`, ...keyed });
  const [fresh, newest, third, stranger] = ['fresh', 'newest', 'third', 'stranger'].map(
    (name) => system.identity(name).signer,
  ) as [Identity['signer'], Identity['signer'], Identity['signer'], Identity['signer']];
  const items: Item[] = [];
  const facts = new Map<string, SnapshotFacts>();
  const add = (kind: DocumentName, { bytes, hash }: SignedDocument<unknown>, more: Partial<Item> = {}) =>
    void items.push({ kind, bytes, hash: toHex(hash), forged: false, ...more });
  const forged = { forged: true };

  const rotatedAt = start + 300 * MINUTE_MS;
  const rotates = chance(0.6);
  const genesis = toHex(system.genesis.hash);
  const createdAt = formatTimestamp(rotatedAt);
  const fields = { createdAt, ...(chance(0.5) && { keptProofs: [system.admin.proof.hash] }) };

  const begin = { validFrom: formatTimestamp(start - MINUTE_MS) };
  const remover = await system.createAdmin('remover', { ...begin, scopes: ['members:remove'] });
  const ended = { ...begin, validTo: formatTimestamp(start + MINUTE_MS) };
  const expired = await system.createAdmin('expired', ended);
  const late = await system.createAdmin('late', { validFrom: formatTimestamp(rotatedAt + MINUTE_MS) }, [
    fresh,
  ]);
  const liar = await system.createAdmin('liar', begin, [stranger]);
  const alone = await system.createAdmin('alone', begin, system.systemSigners.slice(0, 1));
  // What retired keys sign later, in the name of a proof that may be kept.
  const { serial: reused } = system.admin.proof.body;
  const again = await system.createAdmin(
    'again',
    { ...begin, serial: reused },
    system.systemSigners.slice(1),
  );
  const admins: readonly TestAdmin[] = [system.admin, system.admin, remover, late, again];

  const first = await system.snapshot({ members: system.members(), issuedAtMs: start });
  const known: SignedDocument<Snapshot>[] = [first];
  const nodeOf = (peerId: string) => system.nodes.find((node) => node.peerId === peerId) as Identity;
  const drafts: { snapshot: SignedDocument<Snapshot>; admin: TestAdmin }[] = [];
  const note = (snapshot: SignedDocument<Snapshot>, admin: TestAdmin) =>
    void drafts.push({ snapshot, admin });
  const factsOf = ({ hash, body }: SignedDocument<Snapshot>, admin: TestAdmin, second: string) =>
    void facts.set(toHex(hash), {
      hash: toHex(hash),
      previous: toHex(body.previous),
      serial: admin.proof.body.serial,
      issuedAt: body.issuedAt,
      proof: toHex(admin.proof.hash),
      under: admin === late ? second : genesis,
    });
  add('snapshot', first);
  note(first, system.admin);

  const drained = (members: readonly Member[], at: number) =>
    members.map((member, i) =>
      i === at % members.length ? { ...member, draining: !member.draining } : member,
    );
  const without = (members: readonly Member[]) => members.toSpliced(random.below(members.length), 1);

  /** Breaks one rule, whichever state it meets. */
  async function addForged(after: SignedDocument<Snapshot>, at: number, step: number): Promise<void> {
    const { members, issuedAt, epoch } = after.body;
    const edited = drained(members, step);
    const base = { after, members: edited, issuedAtMs: at };
    const early = formatTimestamp(parseTimestamp(issuedAt) - MINUTE_MS);
    const next = await system.snapshot(
      random.pick([
        { ...base, admin: liar },
        { ...base, admin: alone },
        { ...base, admin: expired },
        // Beyond its scopes.
        { ...base, admin: remover },
        { ...base, issuedAtMs: at + 1, signer: stranger },
        { ...base, body: { epoch: epoch + 2 } },
        { ...base, body: { issuedAt: early } },
        { ...base, body: { systemId: other.systemId } },
        // Most of the members at once, without force.
        { ...base, members: members.slice(0, 1), body: members.length > 2 ? {} : { epoch: epoch + 3 } },
      ]),
    );
    const by = nodeOf(random.pick(members).peerId);
    add('snapshot', next, { countersignature: await system.countersign(next, by), ...forged });
  }

  for (let step = 0; step < STEPS; step++) {
    const after = chance(0.7) ? (known.at(-1) ?? first) : random.pick(known);
    const at = start + (step + 1) * 55 * MINUTE_MS;
    const before = after.body.members;
    if (chance(0.5)) await addForged(after, at, step);
    const admin = random.pick(admins);
    const removes = before.length > 2 && (admin === remover || chance(0.3));
    const members = removes ? without(before) : admin === remover ? before : drained(before, step);
    const merges = chance(0.3) ? [random.pick(known).hash] : [];
    const next = await system.snapshot({ after, members, issuedAtMs: at, admin, body: { merges } });
    const countersignature = await system.countersign(next, nodeOf(random.pick(before).peerId));
    add('snapshot', next, { countersignature });
    if (chance(0.3)) {
      const outsider = system.nodes.find(({ peerId }) => !before.some((member) => member.peerId === peerId));
      const word = await system.countersign(next, outsider ?? system.identity('stranger'));
      add('snapshot', next, { countersignature: word, badWord: true });
    }
    note(next, admin);
    known.push(next);
  }

  // Now, first-hand: each node judges the date by its own clock.
  for (const offsetMs of [0, 8 * MINUTE_MS, -8 * MINUTE_MS]) {
    const after = random.pick(known.slice(-4));
    const issuedAtMs = now + offsetMs;
    const next = await system.snapshot({
      after,
      members: drained(after.body.members, 1),
      issuedAtMs,
      body: { merges: [random.pick(known).hash] },
    });
    add('snapshot', next, { issuedAtMs });
    note(next, system.admin);
  }

  const revocations: (RevocationFacts & { readonly bytes: Uint8Array })[] = [];
  const takeBack = async (body: Parameters<TestSystem['revocation']>[0], byNewer: boolean) => {
    const document = await system.revocation(body, byNewer ? [fresh] : system.systemSigners);
    const { serial, lastGoodSnapshot: good } = body.serials?.[0] ?? {};
    const hash = toHex(document.hash);
    add('revocation', document);
    const under = byNewer ? 'second' : genesis;
    revocations.push({ hash, under, serial, lastGood: good && toHex(good), bytes: document.hash });
  };
  for (let epoch = 1; epoch <= 2; epoch++) {
    if (chance(0.5)) continue;
    const last = chance(0.6) ? random.pick(known).hash : undefined;
    const { serial } = random.pick([system.admin, remover, late]).proof.body;
    const serials = [{ serial, ...(last && { lastGoodSnapshot: last }) }];
    await takeBack({ epoch, serials }, rotates && chance(0.5));
  }
  if (chance(0.3)) await takeBack({ epoch: 3, peerIds: [system.nodes[3]?.peerId ?? ''] }, false);
  const target = { peerIds: [system.nodes[0]?.peerId ?? ''] };
  add('revocation', await system.revocation(target, [stranger]), forged);
  add(
    'revocation',
    await system.revocation({ ...target, epoch: 2 }, system.systemSigners.slice(0, 1)),
    forged,
  );

  // Who holds enough keys of a link replaces them, openly or behind everybody's back, then or much later, dated as they please.
  const rotations: RotationFacts[] = [];
  const keepable = revocations.filter(({ under }) => under === genesis).map(({ bytes }) => bytes);
  type Rotation = Parameters<TestSystem['rotation']>[0];
  async function replace(
    body: Rotation,
    keys: readonly Identity['signer'][],
    olders: readonly (readonly Identity['signer'][])[],
  ): Promise<SignedDocument<unknown>> {
    const copies = await Promise.all(olders.map((older) => system.rotation(body, keys, [...older, ...keys])));
    for (const copy of copies) add('rotation', copy);
    const [document] = copies as [(typeof copies)[number]];
    const { previous, createdAt: at, keptProofs, keptRevocations } = document.body;
    rotations.push({
      hash: toHex(document.hash),
      previous: toHex(previous),
      createdAt: at,
      votes: Math.max(...olders.map(({ length }) => length)),
      kept: [...keptProofs, ...keptRevocations].map(toHex),
    });
    return document;
  }
  const olders = () => {
    const two = shuffle(random, system.systemSigners).slice(1);
    return random.pick([[two], [system.systemSigners], [two, system.systemSigners]]);
  };
  const keeps = (): Rotation => ({ ...fields, ...(chance(0.5) && { keptRevocations: keepable }) });
  let second = '';
  if (rotates) {
    const document = await replace(keeps(), [fresh], olders());
    second = toHex(document.hash);
    const at = formatTimestamp(rotatedAt + 60 * MINUTE_MS);
    const following = { ...keeps(), createdAt: at, version: 3, previous: document.hash };
    if (chance(0.4)) await replace(following, [newest], [[fresh]]);
    if (chance(0.1)) await replace(following, [third], [[fresh]]);
    add('rotation', await system.rotation(following, [stranger], [stranger, third]), forged);
  }
  if (rotates && chance(0.5)) {
    const at = random.pick([rotatedAt, now, rotatedAt - 100 * MINUTE_MS, start - MINUTE_MS]);
    const body = { ...keeps(), createdAt: formatTimestamp(at) };
    const rival = await replace(body, [third], olders());
    if (chance(0.5)) await replace({ ...body, version: 3, previous: rival.hash }, [newest], [[third]]);
    if (chance(0.3)) await replace(body, [newest], olders());
  }
  add('rotation', await system.rotation(fields, [stranger], [stranger]), forged);
  add('rotation', await system.rotation(fields, [stranger], system.systemSigners), forged);

  for (const { snapshot, admin } of drafts) factsOf(snapshot, admin, second);
  return {
    ...{ random, clock, system, items, facts, rotations },
    revocations: revocations.map(({ bytes: _, ...one }) => ({
      ...one,
      under: one.under === genesis ? genesis : second,
    })),
  };
}
