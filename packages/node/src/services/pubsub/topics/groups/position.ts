/** How far a group has come, in a register: it outlives every member and every holder. */

import { concatBytes, decodeCbor, encodeCbor, isP2posError, P2posError } from '@p2pos/protocol';
import type { PeerId } from '../../../../core/net/index.ts';
import type { CallOptions, Records } from '../../../../core/records/index.ts';
import { topicKey } from '../format.ts';
import type { TopicName } from '../payload.ts';

export interface GroupName extends TopicName {
  readonly group: string;
}

export interface GroupPosition {
  /** Every message before is done with; 0: none is known, the group is new. */
  readonly sequence: number;
  readonly holder: PeerId | null;
  readonly token: number;
}

export interface PositionStore {
  read(options?: CallOptions): Promise<GroupPosition>;
  /** @throws P2posError LEASE_LOST: one with a greater token has written */
  write(position: GroupPosition, options?: CallOptions): Promise<void>;
}

const FORM = 1;
const NONE: GroupPosition = { sequence: 0, holder: null, token: 0 };

export function groupKey({ topic, group }: Pick<GroupName, 'topic' | 'group'>): Uint8Array {
  return concatBytes(topicKey(topic), Uint8Array.of(0), new TextEncoder().encode(group));
}

export function createPositionStore(
  { registers }: Pick<Records, 'registers'>,
  name: GroupName,
): PositionStore {
  const key = groupKey(name);
  const register = { namespace: `${name.app}/topic-groups`, partition: key, key };

  return {
    async read(options) {
      const found = await registers.read(register, options);
      return found ? decode(found.value) : NONE;
    },
    async write(position, options) {
      for (;;) {
        const found = await registers.read(register, options);
        if (found && decode(found.value).token > position.token)
          throw new P2posError('LEASE_LOST', { token: position.token });
        const condition = found
          ? ({ kind: 'version', version: found.version } as const)
          : ({ kind: 'absent' } as const);
        const { sequence, holder, token } = position;
        const value = encodeCbor([FORM, sequence, holder, token]);
        try {
          await registers.change({ ...register, value, condition }, options);
          return;
        } catch (error) {
          if (!isP2posError(error, 'CAS_CONDITION_FAILED')) throw error;
        }
      }
    },
  };
}

function decode(value: Uint8Array): GroupPosition {
  const fields = decodeCbor(value, { maxBytes: 1_024 });
  const [form, sequence, holder, token] = Array.isArray(fields) ? (fields as unknown[]) : [];
  const counts = Number.isSafeInteger(sequence) && Number.isSafeInteger(token);
  if (form !== FORM || !counts || (holder !== null && typeof holder !== 'string'))
    throw new P2posError('RECORD_INVALID', { reason: 'it is no position of a group' });
  return { sequence: sequence as number, holder: holder ?? null, token: token as number };
}
