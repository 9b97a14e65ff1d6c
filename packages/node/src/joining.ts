/**
 * First contact (system.md, trust): with an invitation this node dials members, takes the genesis that the invitation's system
 * id names, and the greatest valid membership that at least three of them show, or all there are.
 */
import {
  type Crypto,
  decodeDocument,
  type Invitation,
  isP2posError,
  P2posError,
  snapshotDocument,
  toHex,
} from '@p2pos/protocol';
import { createPuller } from '@p2pos/protocol/membership';
import { type Clock, deadline } from './core/clock/index.ts';
import type { Identity } from './core/identity/index.ts';
import type { Logger } from './core/log/index.ts';
import { type MembershipJournal, openMembership } from './core/membership/index.ts';
import { peerIdIn } from './core/mesh/index.ts';
import type { Address, Net, PeerId } from './core/net/index.ts';
import { type Random, shuffle } from './core/random/index.ts';
import { createPlacer } from './core/records/index.ts';
import { createRpc } from './core/rpc/index.ts';
import type { Store } from './core/store/index.ts';

export interface JoiningPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly log: Logger;
  readonly identity: Pick<Identity, 'peerId' | 'signer'>;
  readonly store: Store;
  /** Not started yet; it only dials. */
  readonly openNet: () => Promise<Net>;
}

export interface Joined {
  readonly genesis: Uint8Array;
  readonly epoch: number;
  readonly members: number;
  /** Members that showed what they hold. */
  readonly asked: number;
  /** Whether the membership lists this node already. */
  readonly isMember: boolean;
}

/** As many members as there are, but no more than these, must show what they hold. */
const WITNESSES = 3;
const DIAL_TIMEOUT_MS = 5_000;
const TIMEOUT_MS = 30_000;
/** Members of the snapshot that are tried beside those of the invitation. */
const MAX_TRIED = 32;

/** @throws P2posError JOIN_UNREACHABLE, JOIN_STALE, INVITATION_ISSUER, GENESIS_UNKNOWN, TIMEOUT */
export async function joinSystem(
  ports: JoiningPorts,
  invitation: Invitation,
  { replicas, signal: parent }: { readonly replicas: number; readonly signal?: AbortSignal },
): Promise<Joined> {
  const { clock, random, crypto, log, identity } = ports;
  const { systemId, snapshot: anchor } = invitation;
  await using parts = new AsyncDisposableStack();
  using limit = deadline(clock, TIMEOUT_MS, { what: 'The members of the system', signal: parent });
  const { signal } = limit;
  const placer = createPlacer({ crypto }, { slots: () => membership.slots });
  const membership: MembershipJournal = parts.use(
    await openMembership(
      { ...ports, replicasOf: (slot, members) => placer.place(members).replicas(slot, replicas) },
      { systemId, anchor: toHex(anchor) },
    ),
  );
  const net = parts.use(await ports.openNet());
  const rpc = parts.use(createRpc({ net, clock, log, random }, { admit: () => false }));
  const puller = createPuller({ membership, rpc, log });
  await net.start();

  const tried = new Set<PeerId>();
  const shown = new Set<PeerId>();
  const failures: string[] = [];

  async function ask(peerId: PeerId, addresses: readonly Address[]): Promise<void> {
    tried.add(peerId);
    try {
      using wait = deadline(clock, DIAL_TIMEOUT_MS, { what: `Node ${peerId}`, signal });
      await net.dial(addresses, { signal: wait.signal });
      await puller.pull(peerId, signal);
      shown.add(peerId);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(isP2posError(error) ? reasonOf(error) : String(error));
      log.debug({ action: 'join_ask', peer: peerId, error }, 'a member did not show its membership');
    }
  }
  const witnesses = () => [...shown].filter((peerId) => membership.view().members.has(peerId)).length;
  const wanted = () => Math.min(WITNESSES, membership.view().members.size || WITNESSES);

  const invited = Map.groupBy(invitation.addresses, (address) => peerIdIn(address) ?? '');
  await Promise.all([...invited].map(([peerId, addresses]) => ask(peerId, addresses)));
  if (shown.size === 0) {
    const reason = [...new Set(failures)].slice(0, 3).join('; ');
    throw new P2posError('JOIN_UNREACHABLE', { addresses: invitation.addresses.length, reason });
  }
  const others = [...membership.view().members.values()].filter(
    ({ peerId, addresses }) => peerId !== identity.peerId && addresses.length > 0 && !tried.has(peerId),
  );
  for (const { peerId, addresses } of shuffle(random, others).slice(0, MAX_TRIED)) {
    if (witnesses() >= wanted()) break;
    await ask(peerId, addresses);
  }

  const { epoch, members } = membership.view();
  const genesis = await genesisOf(membership);
  if (!genesis) throw new P2posError('GENESIS_UNKNOWN', { systemId });
  if (epoch === 0 || !membership.holds(toHex(anchor)))
    throw new P2posError('JOIN_STALE', { epoch: invitation.epoch, found: epoch });
  if (!(await isKnownIssuer(membership, invitation, crypto)))
    throw new P2posError('INVITATION_ISSUER', { issuerPeerId: invitation.issuerPeerId });
  return {
    genesis,
    epoch,
    members: members.size,
    asked: witnesses(),
    isMember: members.has(identity.peerId),
  };
}

async function genesisOf(membership: MembershipJournal): Promise<Uint8Array | undefined> {
  const query = { list: 'genesis', after: { epoch: 0, hash: '' }, maxDocuments: 1, maxBytes: 1 } as const;
  return (await membership.documents(query)).documents[0]?.bytes;
}

/** The admin of the snapshot in force, or a member of it or of the invitation's own. */
async function isKnownIssuer(
  membership: MembershipJournal,
  { issuerPeerId, epoch }: Invitation,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<boolean> {
  const { members } = membership.view();
  if (members.has(issuerPeerId) || membership.status().proof?.adminPeerId === issuerPeerId) return true;
  const query = { list: 'snapshots', after: { epoch, hash: '' }, maxDocuments: 1, maxBytes: 1 } as const;
  const [named] = (await membership.documents(query)).documents;
  if (!named) return false;
  const { body } = decodeDocument(snapshotDocument, named.bytes, crypto);
  return body.issuerPeerId === issuerPeerId || body.members.some(({ peerId }) => peerId === issuerPeerId);
}

function reasonOf(error: P2posError): string {
  const { reason } = error.details;
  return typeof reason === 'string' ? reason : error.message;
}
