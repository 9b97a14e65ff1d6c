/** Binds the contract of membership to this node's journal. */
import { type membersRoutes, P2posError, type RouteHandlers, toHex } from '@p2pos/protocol';
import type { Membership } from '../../core/membership/index.ts';
import type { Members } from './members.ts';

export function createMembersHandlers({
  membership,
  members,
}: {
  readonly membership: Pick<Membership, 'systemId' | 'view'>;
  readonly members: Pick<Members, 'push'>;
}): RouteHandlers<typeof membersRoutes> {
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
      const result = await members.push(body, { signal });
      const { epoch, hash } = membership.view();
      return { result, epoch, hash: toHex(hash) };
    },
  };
}
