/** Founds a development system: keys, genesis, admin proof, first snapshot, and a home for each node. */
import { mkdirSync, readFileSync } from 'node:fs';
import {
  type Capability,
  formatTimestamp,
  type Genesis,
  genesisDocument,
  type Member,
  type SignedDocument,
  type Signer,
  signDocument,
  signSnapshot,
  systemIdOf,
} from '@p2pos/protocol';
import type { Clock } from '../clock.ts';
import { replaceFile } from '../json-file.ts';
import { createKeyFile, crypto } from '../keys.ts';
import { signAdminProof } from '../members/authority.ts';
import { type Settings, writeSettings } from './dev-file.ts';
import { type Layout, nodeName } from './layout.ts';
import { createNodeHomes, type NodeHome, writeNodeConfig } from './node-home.ts';

const SLOTS = 4_096;

/** What every node of a development system may do. */
export const DEV_CAPABILITIES: readonly Capability[] = [
  'compute',
  'gateway',
  'mailbox',
  'relay',
  'rendezvous',
  'seed',
  'sql',
  'storage',
];

export interface FoundingDeps {
  readonly clock: Clock;
  /** Makes the node's key in its home and tells its peer id. */
  readonly makeIdentity: (home: string) => Promise<string>;
}

export interface FoundingPlan {
  readonly nodes: number;
  /** HTTP of node i is on port + i. */
  readonly port: number;
}

/** The settings are written last: what a founding that was cut off left behind is no system, and is replaced by the next. */
export async function foundSystem(
  { clock, makeIdentity }: FoundingDeps,
  layout: Layout,
  plan: FoundingPlan,
): Promise<Settings> {
  const now = clock.now();
  mkdirSync(layout.system, { recursive: true, mode: 0o700 });
  const systemKey = createKeyFile(layout.systemKey);
  const admin = createKeyFile(layout.adminKey);
  const genesis = await signGenesis(systemKey, now);
  const systemId = systemIdOf(genesis.hash);
  const names = Array.from({ length: plan.nodes }, (_, index) => nodeName(index));
  const homes = await createNodeHomes(layout, names, makeIdentity);
  const proof = await signAdminProof(systemId, admin, systemKey, now);
  const start = { epoch: 0, hash: genesis.hash, issuedAtMs: now };
  const snapshot = await signSnapshot(
    { signer: admin, proof },
    start,
    { members: homes.map(asMember), nowMs: now },
    crypto,
  );
  replaceFile(layout.genesis, genesis.bytes);
  replaceFile(layout.adminProof, proof.bytes);
  replaceFile(layout.firstSnapshot, snapshot.bytes);
  for (const [index, home] of homes.entries()) {
    const initConnections = homes.filter((other) => other !== home).flatMap(({ p2p }) => p2p.slice(0, 1));
    writeNodeConfig(home, { systemId, httpPort: plan.port + index, initConnections });
    replaceFile(home.layout.genesis, genesis.bytes);
    replaceFile(home.layout.snapshot, snapshot.bytes);
  }
  const nodes = homes.map((home) => asNodeSettings(home, { joined: true }));
  const settings: Settings = { format: 1, systemId, port: plan.port, nodes };
  writeSettings(layout, settings);
  return settings;
}

/** The home of one more node, which learns of the system from its members; no snapshot names it yet. */
export async function prepareNode(
  { makeIdentity }: FoundingDeps,
  layout: Layout,
  settings: Settings,
): Promise<Settings> {
  const index = settings.nodes.length;
  const [home] = await createNodeHomes(layout, [nodeName(index)], makeIdentity);
  if (!home) throw new Error('unreachable: one name gives one home');
  const initConnections = settings.nodes.flatMap(({ p2p }) => p2p.slice(0, 1));
  writeNodeConfig(home, { systemId: settings.systemId, httpPort: settings.port + index, initConnections });
  replaceFile(home.layout.genesis, readFileSync(layout.genesis));
  return { ...settings, nodes: [...settings.nodes, asNodeSettings(home, { joined: false })] };
}

function signGenesis(systemKey: Signer, nowMs: number): Promise<SignedDocument<Genesis>> {
  const genesis: Genesis = {
    version: 1,
    name: 'development',
    createdAt: formatTimestamp(nowMs),
    admission: 'closed',
    slots: SLOTS,
    systemKeys: [systemKey.publicKey],
    threshold: 1,
    releaseKeys: [],
    releaseThreshold: 0,
  };
  return signDocument(genesisDocument, genesis, [systemKey], crypto);
}

function asNodeSettings({ name, peerId, p2p }: NodeHome, { joined }: { readonly joined: boolean }) {
  return { name, peerId, p2p: [...p2p], stopped: false, joined };
}

/** How a node of a development system stands in its snapshots. */
export function asMember({ peerId, name, p2p }: Pick<NodeHome, 'peerId' | 'name' | 'p2p'>): Member {
  return {
    peerId,
    name,
    tier: 2,
    capabilities: DEV_CAPABILITIES,
    zone: '',
    draining: false,
    addresses: [...p2p],
  };
}
