/**
 * The update under way, as one register that all members agree on (CASPaxos): the manifest byte for byte, so that every
 * node verifies it for itself, and how it stands. `finalized` is the manifest of the release that was ended for good.
 */
import { decodeCbor, encodeCbor, isP2posError, P2posError, type RolloutState } from '@p2pos/protocol';
import type { Records } from '../../core/records/index.ts';

export interface Rollout {
  readonly manifest: Uint8Array;
  readonly state: RolloutState;
  readonly reason: string | undefined;
  /** Manifest of the release that was finalized before this one. */
  readonly finalized: Uint8Array | undefined;
}

export interface RolloutRegister {
  read(signal?: AbortSignal): Promise<Rollout | undefined>;
  /** Undefined from `next` leaves it as it is. Answers what is there then. */
  change(
    next: (current: Rollout | undefined) => Promise<Rollout | undefined> | Rollout | undefined,
    signal?: AbortSignal,
  ): Promise<Rollout | undefined>;
}

const utf8 = new TextEncoder();
const NAME = { namespace: 'default/update', partition: utf8.encode('rollout'), key: utf8.encode('rollout') };
export const LEASE = {
  namespace: 'default/update-lease',
  partition: utf8.encode('lease'),
  key: utf8.encode('lease'),
};
const MAX_VALUE_BYTES = 65_536;
const MAX_TRIES = 4;
const MAX_REASON = 500;
const STATES = ['rolling', 'paused', 'finalized'];

export function openRollout(
  { records }: { readonly records: Pick<Records, 'declare' | 'registers'> },
  replicas: number,
): RolloutRegister {
  const common = { kind: 'cas', author: 'member', replicas } as const;
  records.declare({ suffix: '/update', ...common, maxValueBytes: MAX_VALUE_BYTES });
  records.declare({ suffix: '/update-lease', ...common, maxValueBytes: 2_048 });

  return {
    async read(signal) {
      const found = await records.registers.read(NAME, { signal });
      return found && decode(found.value);
    },
    async change(next, signal) {
      for (let tries = 1; ; tries++) {
        const found = await records.registers.read(NAME, { signal });
        const current = found && decode(found.value);
        const wanted = await next(current);
        if (!wanted) return current;
        const condition = found
          ? ({ kind: 'version', version: found.version } as const)
          : ({ kind: 'absent' } as const);
        try {
          await records.registers.change({ ...NAME, value: encode(wanted), condition }, { signal });
          return wanted;
        } catch (error) {
          if (!isP2posError(error, 'CAS_CONDITION_FAILED') || tries >= MAX_TRIES) throw error;
        }
      }
    },
  };
}

function encode({ manifest, state, reason, finalized }: Rollout): Uint8Array {
  return encodeCbor([1, manifest, state, reason?.slice(0, MAX_REASON) ?? null, finalized ?? null]);
}

/** @throws P2posError RECORD_INVALID */
function decode(bytes: Uint8Array): Rollout {
  const fields = decodeCbor(bytes, { maxBytes: MAX_VALUE_BYTES });
  const [form, manifest, state, reason, finalized] = Array.isArray(fields) ? (fields as unknown[]) : [];
  const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
  if (form !== 1 || !isBytes(manifest) || typeof state !== 'string' || !STATES.includes(state)) {
    throw new P2posError('RECORD_INVALID', { reason: 'the register holds no update' });
  }
  return {
    manifest,
    state: state as RolloutState,
    reason: typeof reason === 'string' ? reason : undefined,
    finalized: isBytes(finalized) ? finalized : undefined,
  };
}
