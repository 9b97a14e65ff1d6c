/** What a node's health says of the root of trust: a fork halts it, and an admin's proof must be renewed before its end. */
import { type HealthCheck, parseTimestamp } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { MembershipJournal } from '../../core/membership/index.ts';

export interface MembersCheck {
  readonly name: string;
  run(): Omit<HealthCheck, 'name'>;
}

const DAY_MS = 86_400_000;
/** From so long before the end of a proof on. */
const WARNING_MS = 14 * DAY_MS;

export function createMembersChecks({
  membership,
  clock,
}: {
  readonly membership: Pick<MembershipJournal, 'status'>;
  readonly clock: Pick<Clock, 'now'>;
}): MembersCheck[] {
  return [
    {
      name: 'root',
      run() {
        const { fork, conflicts, root } = membership.status();
        if (fork) {
          const detail = `Two key rotations follow ${fork.parent}: changes of the root are halted until one more holder of the keys before signs the right one (p2pctl system rotate --again, then p2pctl system push).`;
          return { status: 'failing', detail };
        }
        if (conflicts.length > 0) {
          const detail = `${conflicts.length} snapshots stand beside the one in force; look at them with p2pctl members conflicts, end them with p2pctl members merge`;
          return { status: 'degraded', detail };
        }
        if (!root) return { status: 'degraded', detail: 'The genesis of the system is not known yet.' };
        return { status: 'ok', detail: `The system keys are of version ${root.keysVersion}.` };
      },
    },
    {
      name: 'admin-proof',
      run() {
        const { proof } = membership.status();
        if (!proof) return { status: 'ok', detail: 'No snapshot is in force yet.' };
        const leftMs = parseTimestamp(proof.validTo) - clock.now();
        const who = `The proof of admin ${proof.adminPeerId}`;
        const next = `p2pctl proof request --renew ${proof.serial}, then p2pctl members renew`;
        if (leftMs < 0) {
          return {
            status: 'degraded',
            detail: `${who} ended ${proof.validTo}; members stay, changes are refused: ${next}`,
          };
        }
        const days = Math.floor(leftMs / DAY_MS);
        if (leftMs < WARNING_MS)
          return { status: 'degraded', detail: `${who} ends in ${days} days: ${next}` };
        return { status: 'ok', detail: `${who} is valid for ${days} days.` };
      },
    },
  ];
}
