/** `p2pos-node join`: makes this folder the home of a node of the system that an invitation names. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Invitation, P2posError, readInvitation } from '@p2pos/protocol';
import { type LoadedConfig, showGiven } from '../config/index.ts';
import type { Clock } from '../core/clock/index.ts';
import { createNodeCrypto } from '../core/crypto/index.ts';
import { type Identity, openIdentity } from '../core/identity/index.ts';
import type { Logger } from '../core/log/index.ts';
import { createSystemRandom } from '../core/random/index.ts';
import { openStore, type Store } from '../core/store/index.ts';

export interface JoinOutcome {
  readonly genesis: Uint8Array;
  readonly epoch: number;
  readonly members: number;
  readonly asked: number;
  readonly isMember: boolean;
}

export interface JoinPorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly identity: Identity;
  readonly store: Store;
}

/** Asks the system's members; the composition root knows how. */
export type JoinSystem = (
  ports: JoinPorts,
  invitation: Invitation,
  loaded: LoadedConfig,
) => Promise<JoinOutcome>;

export interface JoinAnswer extends Omit<JoinOutcome, 'genesis'> {
  readonly home: string;
  readonly systemId: string;
  readonly peerId: string;
}

/**
 * Settings on the command line become those of the new home. Where the home is one of that system already, its settings stay.
 *
 * @throws P2posError INVITATION_INVALID, HOME_JOINED, and what joining and the files refuse
 */
export async function joinHome(
  {
    clock,
    log,
    joinSystem,
  }: { readonly clock: Clock; readonly log: Logger; readonly joinSystem: JoinSystem },
  { home, text, loaded }: { readonly home: string; readonly text: string; readonly loaded: LoadedConfig },
): Promise<JoinAnswer> {
  const { body: invitation } = await readInvitation(text, createNodeCrypto());
  const { systemId, addresses } = invitation;
  const { config } = loaded;
  const file = join(home, 'node.toml');
  const isHome = (await readText(file)) !== undefined;
  const found = config.system.id;
  if (isHome && found === undefined) {
    const reason = `is missing, and what lies there is not overwritten. Add: id = "${systemId}"`;
    throw new P2posError('CONFIG_INVALID', { place: file, key: 'system.id', reason });
  }
  if (found !== undefined && found !== systemId)
    throw new P2posError('HOME_JOINED', { home, found, asked: systemId });

  const random = createSystemRandom();
  const identity = await openIdentity({ random, log }, { home, passphraseFile: config.node.passphraseFile });
  await using store = await openStore({ random, log }, { folder: join(home, 'data') });
  const outcome = await joinSystem({ clock, log, identity, store }, invitation, loaded);
  await mkdir(join(home, 'system'), { recursive: true, mode: 0o700 });
  await replace(join(home, 'system', 'genesis.cbor'), outcome.genesis);
  if (!isHome) {
    await replace(
      file,
      `# Written by p2pctl join. What you add stays; p2pctl config show explains every key.\n${showGiven(
        loaded,
        {
          'system.id': systemId,
          'discovery.init_connections': addresses,
        },
      )}`,
    );
  }
  const { genesis: _, ...rest } = outcome;
  return { home, systemId, peerId: identity.peerId, ...rest };
}

export function describeJoin({
  home,
  systemId,
  peerId,
  epoch,
  members,
  asked,
  isMember,
}: JoinAnswer): string {
  const next = isMember ? '' : `An admin adds this node: p2pctl members add ${peerId}\n`;
  return `${home} is a home of ${systemId}; ${asked} of ${members} members showed snapshot ${epoch}.
${next}Start it: p2pctl up --home ${home}\n`;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new P2posError('FILE_UNREADABLE', { file, reason: (error as Error).message }, { cause: error });
  }
}

async function replace(file: string, content: string | Uint8Array): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  await writeFile(draft, content, { mode: 0o600, flush: true });
  await rename(draft, file);
}
