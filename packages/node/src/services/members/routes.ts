/** Binds the contract of membership to this node's journal. */
import {
  isPeerId,
  type membersRoutes,
  P2posError,
  type RemovalLoss,
  type RouteHandlers,
  toBase64url,
  toHex,
} from '@p2pos/protocol';
import type { MembershipJournal } from '../../core/membership/index.ts';
import type { Members } from './members.ts';

/** A chain of rotations is short. */
const MAX_ROOT_BYTES = 2 * 1_048_576;
const PAGE = { maxDocuments: 256, maxBytes: 1_048_576 };

/** What the records say of a removal, and how an operator accepts a loss. */
export interface MembersRecords {
  lossOf(removed: readonly string[]): Promise<RemovalLoss>;
  acceptLoss(): Promise<void>;
  standing(): 'unproven' | 'voter' | 'learner';
}

export function createMembersHandlers({
  membership,
  members,
  records,
}: {
  readonly records: MembersRecords;
  readonly membership: Pick<MembershipJournal, 'systemId' | 'view' | 'status' | 'documents' | 'auditEntries'>;
  readonly members: Pick<Members, 'push' | 'offer'>;
}): RouteHandlers<typeof membersRoutes> {
  function inForce() {
    const { epoch, hash } = membership.view();
    return { epoch, hash: toHex(hash) };
  }

  return {
    async list() {
      const { epoch, hash, snapshot, members: listed } = membership.view();
      return {
        systemId: membership.systemId,
        epoch,
        hash: toHex(hash),
        issuedAt: snapshot?.issuedAt ?? null,
        issuerPeerId: snapshot?.issuerPeerId ?? null,
        members: [...listed.values()].map(({ capabilities, addresses, ...member }) => ({
          ...member,
          capabilities: [...capabilities],
          addresses: [...addresses],
        })),
      };
    },
    async snapshot() {
      const { bytes, hash } = membership.view();
      if (!bytes) throw new P2posError('MEMBERS_SNAPSHOT_NONE');
      return { body: bytes, hash: toHex(hash) };
    },
    async push({ body }, { signal }) {
      return { ...(await members.push(body, { signal })), ...inForce() };
    },
    async submit({ kind, body }, { signal }) {
      return { ...(await members.push(body, { kind, signal })), ...inForce() };
    },
    async documents({ list, cursor }) {
      const [epoch = '-1', hash = ''] = cursor?.split('.') ?? [];
      const after = { epoch: Number(epoch), hash };
      const { documents, more } = await membership.documents({ list, after, ...PAGE });
      const last = documents.at(-1);
      return {
        documents: documents.map((one) => ({
          hash: one.hash,
          epoch: one.epoch,
          bytes: toBase64url(one.bytes),
        })),
        cursor: more && last ? `${last.epoch}.${last.hash}` : null,
      };
    },
    async offer({ peer, kind, body }, { signal }) {
      const { code, reason, ...word } = await members.offer(peer, { kind, bytes: body }, { signal });
      return { ...word, ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) };
    },
    async loss({ remove }) {
      const peerIds = remove.split(',');
      const wrong = peerIds.find((peerId) => !isPeerId(peerId));
      if (wrong !== undefined)
        throw new P2posError('PEER_ID_INVALID', {
          peerId: wrong,
          reason: 'it is none',
          next: 'p2pctl members list',
        });
      return records.lossOf(peerIds);
    },
    async acceptLoss() {
      const before = records.standing();
      if (before === 'learner') await records.acceptLoss();
      return { before };
    },
    async root() {
      const { systemId } = membership;
      const { root, fork, proof, conflicts } = membership.status();
      if (!root) throw new P2posError('GENESIS_UNKNOWN', { systemId });
      const { name, keysVersion, keys, threshold, revocations } = root;
      const start = { after: { epoch: -1, hash: '' }, maxDocuments: 64, maxBytes: MAX_ROOT_BYTES };
      const [genesis, rotations] = await Promise.all([
        membership.documents({ list: 'genesis', ...start }),
        membership.documents({ list: 'rotations', ...start }),
      ]);
      return {
        systemId,
        name,
        documents: [...genesis.documents, ...rotations.documents].map(({ bytes }) => toBase64url(bytes)),
        keysVersion,
        keys: [...keys],
        threshold,
        fork: fork?.parent ?? null,
        revocations,
        proof: proof ?? null,
        conflicts: conflicts.map(({ refused, ...conflict }) => ({ ...conflict, refused: [...refused] })),
      };
    },
    async audit({ after = 0, limit = 200 }) {
      return { entries: await membership.auditEntries(after, limit) };
    },
  };
}
