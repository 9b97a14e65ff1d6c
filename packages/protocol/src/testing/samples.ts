/** One sound document of each kind, from fixed keys: the starting point of this package's tests and vectors. */
import type { AdminProof, Genesis, KeyRotation, Member, Revocation, Snapshot } from '../documents/bodies.ts';
import { signDocument } from '../documents/document.ts';
import {
  adminProofDocument,
  genesisDocument,
  type Invitation,
  peerIdFromPublicKey,
  systemIdOf,
} from '../index.ts';
import { testCrypto, testKey } from './keys.ts';

/** Three system keys, the admin's, two nodes', a stranger's. */
export const keys = {
  root1: testKey(1),
  root2: testKey(2),
  root3: testKey(3),
  admin: testKey(4),
  nodeA: testKey(5),
  nodeB: testKey(6),
  stranger: testKey(7),
} as const;

export const peerIds = {
  admin: peerIdFromPublicKey(keys.admin.publicKey),
  nodeA: peerIdFromPublicKey(keys.nodeA.publicKey),
  nodeB: peerIdFromPublicKey(keys.nodeB.publicKey),
};

const createdAt = '2026-11-21T01:02:03.000000000Z';

export const genesis: Genesis = {
  version: 1,
  name: 'Sample system',
  createdAt,
  admission: 'closed',
  slots: 4_096,
  systemKeys: [keys.root1.publicKey, keys.root2.publicKey, keys.root3.publicKey],
  threshold: 2,
  releaseKeys: [keys.root1.publicKey],
  releaseThreshold: 1,
};

export const signedGenesis = await signDocument(
  genesisDocument,
  genesis,
  [keys.root1, keys.root2],
  testCrypto,
);
export const systemId = systemIdOf(signedGenesis.hash);

export const keyRotation: KeyRotation = {
  version: 2,
  systemId,
  createdAt,
  previous: signedGenesis.hash,
  keys: [keys.root2.publicKey, keys.root3.publicKey],
  threshold: 2,
  keptProofs: [new Uint8Array(32).fill(0x17)],
  keptRevocations: [new Uint8Array(32).fill(0x18)],
};

export const adminProof: AdminProof = {
  version: 1,
  systemId,
  role: 'admin',
  adminPeerId: peerIds.admin,
  scopes: ['members:add', 'members:remove', 'members:capabilities@eu/berlin'],
  validFrom: createdAt,
  validTo: '2027-02-19T01:02:03.000000000Z',
  serial: '00112233445566778899aabbccddeeff',
};

export const signedAdminProof = await signDocument(
  adminProofDocument,
  adminProof,
  [keys.root1, keys.root3],
  testCrypto,
);

export const revocation: Revocation = {
  version: 1,
  systemId,
  epoch: 1,
  createdAt,
  serials: [
    { serial: '00112233445566778899aabbccddeeff', lastGoodSnapshot: new Uint8Array(32).fill(9) },
    { serial: 'ffeeddccbbaa99887766554433221100' },
  ],
  peerIds: [peerIds.nodeB],
};

export const members: readonly Member[] = [
  {
    peerId: peerIds.nodeA,
    name: 'node0',
    tier: 1,
    capabilities: ['storage', 'sql', 'relay'],
    zone: 'eu/berlin',
    draining: false,
    addresses: [`/ip4/192.0.2.1/tcp/4100/p2p/${peerIds.nodeA}`],
  } as const,
  {
    peerId: peerIds.nodeB,
    name: 'node1',
    tier: 2,
    capabilities: [],
    zone: '',
    draining: true,
    notAfter: '2026-12-31T23:59:59.999999999Z',
    addresses: [],
  } as const,
].toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1));

export const snapshot: Snapshot = {
  version: 1,
  systemId,
  epoch: 1,
  previous: signedGenesis.hash,
  merges: [],
  issuedAt: createdAt,
  issuerPeerId: peerIds.admin,
  members,
  force: false,
  adminProof: signedAdminProof.bytes,
};

export const invitation: Invitation = {
  version: 1,
  systemId,
  epoch: 1,
  snapshot: new Uint8Array(32).fill(7),
  issuerPeerId: peerIds.nodeA,
  addresses: [`/ip4/192.0.2.1/tcp/4100/p2p/${peerIds.nodeA}`],
};
