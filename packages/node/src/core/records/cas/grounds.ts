/**
 * What this node had a majority accept, with the ballots that follow at once: a further change through it needs no first round
 * (CASPaxos §2.2.1). Who accepted a ballot refuses whatever lies between it and its successor by the same author
 * (`before`), so the successor is as good as promised, and nothing about it is sent or stored.
 */
import { formatVersion, MAX_VERSION_COUNTER, parseVersion } from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Stamp } from '../clock/hybrid-clock.ts';
import type { RegisterState } from './state.ts';

export interface Accepted {
  readonly ballot: string;
  readonly state: RegisterState;
}

/** What a change is decided on. */
export interface Ground {
  /** Under which it may be proposed. */
  readonly ballot: string;
  /** Those after it without a gap, that nothing else is proposed under. */
  readonly rest: readonly Stamp[];
  readonly newest: Accepted | undefined;
  /** Who is known to hold it, where they are a majority. */
  readonly agreed: readonly PeerId[] | undefined;
}

export interface Grounds {
  keep(name: string, ground: Ground, generation: number): void;
  /** Whatever comes of it, it is not given again. */
  take(name: string, generation: number): Ground | undefined;
  /** Another has asked for promises. */
  forget(name: string): void;
}

/** Far below the time after which a deletion is let go, and with it the memory of its ballot. */
const KEEP_MS = 10_000;
const MAX_BYTES = 8 * 1_048_576;
/** Besides the value. */
const OVERHEAD_BYTES = 2_048;

export function createGrounds({ clock }: { readonly clock: Pick<Clock, 'monotonic'> }): Grounds {
  interface Kept {
    readonly ground: Ground;
    readonly generation: number;
    readonly until: number;
    readonly bytes: number;
  }
  /** The oldest first. */
  const kept = new Map<string, Kept>();
  let bytes = 0;

  function forget(name: string): void {
    const one = kept.get(name);
    if (!one) return;
    kept.delete(name);
    bytes -= one.bytes;
  }

  return {
    forget,
    keep(name, ground, generation) {
      forget(name);
      const size = OVERHEAD_BYTES + (ground.newest?.state.value?.length ?? 0);
      kept.set(name, { ground, generation, until: clock.monotonic() + KEEP_MS, bytes: size });
      bytes += size;
      for (const [oldest] of kept) {
        if (bytes <= MAX_BYTES) break;
        forget(oldest);
      }
    },
    take(name, generation) {
      const one = kept.get(name);
      forget(name);
      return one && one.generation === generation && one.until > clock.monotonic() ? one.ground : undefined;
    },
  };
}

/** The ballot by the same author that this one follows at once; empty for the very first. */
export function before(ballot: string): string {
  const { ms, counter, author } = parseVersion(ballot);
  if (ms === 0 && counter === 0) return '';
  const stamp = counter > 0 ? { ms, counter: counter - 1 } : { ms: ms - 1, counter: MAX_VERSION_COUNTER };
  return formatVersion({ ...stamp, author });
}
