/**
 * `p2pctl init`: a home for one node of a system, new or existing: its key, its `node.toml`, the genesis where it is at
 * hand, and with --found the first snapshot, which lists this node. Ends with what is left to do outside this machine.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  decodeDocument,
  genesisDocument,
  isSystemId,
  type Member,
  nameSchema,
  P2posError,
  signSnapshot,
  systemIdOf,
} from '@p2pos/protocol';
import { parse } from 'smol-toml';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { makeIdentity, NODE_MAIN } from '../dev/run.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { replaceFile } from '../json-file.ts';
import { readBytes, readText } from '../keys/key-file.ts';
import { crypto } from '../keys.ts';
import { adminOf } from '../members/admin.ts';
import { systemFolderOf } from '../system/folder.ts';
import { reportChecklist } from './checklist.ts';
import { nodeToml } from './node-toml.ts';

type Flags = Readonly<Record<string, unknown>>;

interface Membership {
  readonly systemId: string;
  readonly genesis: Uint8Array | undefined;
}

export const initNode: Action = async (invocation, _args, flags) => {
  const { options, env, userHome, folder, terminal } = invocation;
  const home = resolve(folder, options.home ?? env['P2POS_HOME'] ?? join(userHome, '.p2pos'));
  const { systemId, genesis } = systemOf(invocation, flags);
  const file = join(home, 'node.toml');
  const isNew = !existsSync(file);
  if (isNew) {
    mkdirSync(join(home, 'system'), { recursive: true, mode: 0o700 });
    replaceFile(file, nodeToml({ systemId, ...settingsOf(flags) }));
  } else requireSameSystem(file, home, systemId);
  const peerId = await makeIdentity(NODE_MAIN, home);
  if (genesis) replaceFile(join(home, 'system', 'genesis.cbor'), genesis);
  const name = nameOf(flags, peerId);
  if (flags['found'] === true) await found(invocation, flags, { home, systemId, genesis, peerId, name });
  if (options.json) {
    terminal.print(JSON.stringify({ systemId, peerId, name, home, isNew, founded: flags['found'] === true }));
    return undefined;
  }
  terminal.print(`${isNew ? 'made' : 'found'} the home ${home} of node ${peerId}`);
  if (flags['found'] !== true) {
    terminal.print(
      `an admin adds it: p2pctl members add ${peerId} --name ${name} --admin-key FILE --admin-proof FILE`,
    );
  }
  terminal.print(`start it: p2pctl up --home ${home}`);
  await reportChecklist(invocation, { home, peerId, domain: flags['domain'] as string | undefined });
  return undefined;
};

function systemOf({ folder }: Invocation, flags: Flags): Membership {
  const { system, genesis, systemId } = flags as Readonly<Record<string, string | undefined>>;
  const file =
    system !== undefined
      ? systemFolderOf(resolve(folder, system)).genesis
      : genesis && resolve(folder, genesis);
  if (file) {
    const bytes = readBytes(file);
    const found = systemIdOf(decodeDocument(genesisDocument, bytes, crypto).hash);
    if (systemId !== undefined && systemId !== found) {
      throw new P2posError('GENESIS_MISMATCH', { found, expected: systemId });
    }
    return { systemId: found, genesis: bytes };
  }
  if (systemId === undefined) {
    throw usage(
      'Say which system: --system FOLDER, --genesis FILE, or --system-id sys1…',
      'p2pctl system create acme',
    );
  }
  if (!isSystemId(systemId)) throw new P2posError('SYSTEM_ID_INVALID', { systemId });
  return { systemId, genesis: undefined };
}

function requireSameSystem(file: string, home: string, systemId: string): void {
  const system = parse(readText(file))['system'];
  const found = typeof system === 'object' && system !== null && 'id' in system ? system.id : undefined;
  if (found === systemId) return;
  const reason = `it is the home of a node of ${typeof found === 'string' ? found : 'no system'}`;
  throw new P2posError('HOME_UNUSABLE', { home, reason, next: 'p2pctl init --home ANOTHER' });
}

function settingsOf(flags: Flags) {
  const list = (name: string) => (flags[name] ?? undefined) as readonly string[] | undefined;
  return {
    listen: list('listen'),
    announce: list('announce'),
    initConnections: list('connect'),
    http: flags['http'] as string | undefined,
  };
}

function nameOf(flags: Flags, peerId: string): string {
  const name = (flags['name'] as string | undefined) ?? `node-${peerId.slice(-8).toLowerCase()}`;
  if (nameSchema.safeParse(name).success) return name;
  throw usage('--name is 1 to 64 of a–z 0–9 -.', 'p2pctl init --name berlin-1');
}

/** The first snapshot lists this node alone; others are added to it. */
async function found(
  invocation: Invocation,
  flags: Flags,
  node: Membership & { readonly home: string; readonly peerId: string; readonly name: string },
): Promise<void> {
  const { system } = flags as Readonly<Record<string, string | undefined>>;
  if (system === undefined || !node.genesis)
    throw usage('--found goes with --system FOLDER.', 'p2pctl init --system acme --found');
  const place = systemFolderOf(resolve(invocation.folder, system));
  const files = { adminKey: place.adminKey, adminProof: place.adminProof, ...flags };
  const admin = await adminOf(invocation, {}, files);
  const now = systemClock.now();
  const { hash } = decodeDocument(genesisDocument, node.genesis, crypto);
  const addresses = ((flags['announce'] ?? []) as readonly string[]).map(
    (address) => `${address}/p2p/${node.peerId}`,
  );
  const first = memberOf(node.peerId, node.name, String(flags['zone'] ?? ''), addresses);
  const start = { epoch: 0, hash, issuedAtMs: now };
  const snapshot = await signSnapshot(admin, start, { members: [first], nowMs: now }, crypto);
  replaceFile(join(node.home, 'system', 'snapshot.cbor'), snapshot.bytes);
}

function memberOf(peerId: string, name: string, zone: string, addresses: readonly string[]): Member {
  return {
    peerId,
    name,
    tier: 2,
    capabilities: ['gateway', 'mailbox', 'relay', 'rendezvous', 'seed', 'sql', 'storage'],
    zone,
    draining: false,
    addresses,
  };
}
