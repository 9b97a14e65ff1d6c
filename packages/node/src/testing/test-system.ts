/**
 * A system with all its keys in the test's hand: genesis, admins, nodes, and snapshots of any epoch and content, valid
 * or not. Keys follow from `seed`, so the same test has the same peer ids in every run.
 *
 * @example
 * const system = await createTestSystem({ nodes: 3, now: clock.now() });
 * const first = await system.first(); // epoch 1, lists all three
 * const second = await system.snapshot({ after: first, members: first.body.members.slice(1) });
 */
import { createHash } from 'node:crypto';
import {
  type AdminProof,
  ALL_SCOPES,
  adminProofDocument,
  type Crypto,
  countersign,
  formatTimestamp,
  type Genesis,
  genesisDocument,
  type KeyRotation,
  keyRotationDocument,
  type Member,
  peerIdFromPublicKey,
  type Revocation,
  revocationDocument,
  type SignedDocument,
  type Signer,
  type Snapshot,
  signDocument,
  snapshotDocument,
  systemIdOf,
} from '@p2pos/protocol';
import type { Identity } from '../core/identity/index.ts';
import { instantCrypto, instantSigner } from './instant-crypto.ts';

const DAY_MS = 86_400_000;

export interface TestSystemConfig {
  /** How many nodes get keys. Default 3. */
  readonly nodes?: number;
  /** ms since the Unix epoch; default 2026-01-01, where the manual clock starts. */
  readonly now?: number;
  /** Default 4 096. */
  readonly slots?: number;
  /** How many system keys, and how many must sign. Default 1 of 1. */
  readonly systemKeys?: number;
  readonly threshold?: number;
  readonly seed?: string;
  /** Default: Ed25519 on the calling thread. */
  readonly crypto?: Crypto;
  readonly signerOf?: (seed: Uint8Array) => Signer;
}

export interface TestAdmin extends Pick<Identity, 'peerId' | 'signer'> {
  readonly proof: SignedDocument<AdminProof>;
}

export interface SnapshotInput {
  /** The one before it; default: the genesis. */
  readonly after?: SignedDocument<Snapshot>;
  readonly members: readonly Member[];
  /** Default: now, or the time of `after` where that is later. */
  readonly issuedAtMs?: number;
  readonly admin?: TestAdmin;
  /** Overrides any field of the body, to make wrong ones. */
  readonly body?: Partial<Snapshot>;
  /** Signs instead of the admin. */
  readonly signer?: Signer;
}

export interface TestSystem {
  readonly systemId: string;
  readonly genesis: SignedDocument<Genesis>;
  readonly systemSigners: readonly Signer[];
  /** With all scopes; valid from a day before `now` for 90 days. */
  readonly admin: TestAdmin;
  readonly nodes: readonly Identity[];
  readonly crypto: Crypto;
  identity(name: string): Identity;
  /** Entry for a node (by index or identity): tier 2, storage and gateway, no zone. */
  member(node: number | Pick<Identity, 'peerId'>, fields?: Partial<Member>): Member;
  /** Entries in the order that snapshots demand; default: all nodes. */
  members(nodes?: readonly (number | Pick<Identity, 'peerId'>)[]): Member[];
  createAdmin(name: string, body?: Partial<AdminProof>, signers?: readonly Signer[]): Promise<TestAdmin>;
  first(members?: readonly Member[]): Promise<SignedDocument<Snapshot>>;
  snapshot(input: SnapshotInput): Promise<SignedDocument<Snapshot>>;
  countersign(snapshot: SignedDocument<Snapshot>, node: number | Identity): ReturnType<typeof countersign>;
  revocation(body: Partial<Revocation>, signers?: readonly Signer[]): Promise<SignedDocument<Revocation>>;
  /** Signed by the system keys and by `keys`. */
  rotation(
    body: Partial<KeyRotation>,
    keys: readonly Signer[],
    signers?: readonly Signer[],
  ): Promise<SignedDocument<KeyRotation>>;
}

export async function createTestSystem(config: TestSystemConfig = {}): Promise<TestSystem> {
  const { now = Date.UTC(2026, 0, 1), nodes: count = 3, slots = 4_096, seed = 'test' } = config;
  const { systemKeys = 1, threshold = systemKeys, crypto = instantCrypto, signerOf = instantSigner } = config;
  const at = (ms: number) => formatTimestamp(ms);

  function identity(name: string): Identity {
    const bytes = new Uint8Array(createHash('sha256').update(`${seed}/${name}`).digest());
    const signer = signerOf(bytes);
    return { peerId: peerIdFromPublicKey(signer.publicKey), signer, seed: bytes };
  }
  const systemSigners = Array.from({ length: systemKeys }, (_, index) => identity(`system${index}`).signer);
  const nodes = Array.from({ length: count }, (_, index) => identity(`node${index}`));

  const genesis = await signDocument(
    genesisDocument,
    {
      version: 1,
      name: seed,
      createdAt: at(now - DAY_MS),
      admission: 'closed',
      slots,
      systemKeys: systemSigners.map(({ publicKey }) => publicKey),
      threshold,
      releaseKeys: [],
      releaseThreshold: 0,
    },
    systemSigners,
    crypto,
  );
  const systemId = systemIdOf(genesis.hash);

  async function createAdmin(
    name: string,
    body: Partial<AdminProof> = {},
    signers = systemSigners,
  ): Promise<TestAdmin> {
    const { peerId, signer } = identity(name);
    const proof: AdminProof = {
      version: 1,
      systemId,
      role: 'admin',
      adminPeerId: peerId,
      scopes: ALL_SCOPES,
      validFrom: at(now - DAY_MS),
      validTo: at(now + 89 * DAY_MS),
      serial: createHash('md5').update(`${seed}/${name}`).digest('hex'),
      ...body,
    };
    return { peerId, signer, proof: await signDocument(adminProofDocument, proof, signers, crypto) };
  }
  const admin = await createAdmin('admin');

  const peerIdOf = (node: number | Pick<Identity, 'peerId'>) =>
    typeof node === 'number' ? (nodes[node] as Identity).peerId : node.peerId;

  const system: TestSystem = {
    systemId,
    genesis,
    systemSigners,
    admin,
    nodes,
    crypto,
    identity,
    createAdmin,
    member(node, fields) {
      const peerId = peerIdOf(node);
      const index = nodes.findIndex((one) => one.peerId === peerId);
      return {
        peerId,
        name: index >= 0 ? `node${index}` : `peer-${peerId.slice(-8).toLowerCase()}`,
        tier: 2,
        capabilities: ['storage', 'gateway'],
        zone: '',
        draining: false,
        addresses: [],
        ...fields,
      };
    },
    members: (list = nodes) =>
      list.map((node) => system.member(node)).sort((a, b) => (a.peerId < b.peerId ? -1 : 1)),
    first: (members = system.members()) => system.snapshot({ members }),
    async snapshot({
      after,
      members,
      issuedAtMs = now,
      admin: issuer = admin,
      body,
      signer = issuer.signer,
    }) {
      const issuedAt = at(issuedAtMs);
      return signDocument(
        snapshotDocument,
        {
          version: 1,
          systemId,
          epoch: (after?.body.epoch ?? 0) + 1,
          previous: after?.hash ?? genesis.hash,
          merges: [],
          issuedAt: after && after.body.issuedAt > issuedAt ? after.body.issuedAt : issuedAt,
          issuerPeerId: issuer.peerId,
          members: members.toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1)),
          force: false,
          adminProof: issuer.proof.bytes,
          ...body,
        },
        [signer],
        crypto,
      );
    },
    countersign: ({ hash }, node) =>
      countersign(hash, (typeof node === 'number' ? (nodes[node] as Identity) : node).signer),
    revocation: (body, signers = systemSigners) =>
      signDocument(
        revocationDocument,
        { version: 1, systemId, epoch: 1, createdAt: at(now), serials: [], peerIds: [], ...body },
        signers,
        crypto,
      ),
    rotation: (body, keys, signers = [...systemSigners, ...keys]) =>
      signDocument(
        keyRotationDocument,
        {
          version: 2,
          systemId,
          createdAt: at(now),
          previous: genesis.hash,
          keys: keys.map(({ publicKey }) => publicKey),
          threshold: keys.length,
          keptProofs: [],
          keptRevocations: [],
          ...body,
        },
        signers,
        crypto,
      ),
  };
  return system;
}
