/**
 * Records whose version lies too far ahead of this node's time, until they are due. Only what others pass on: they hold it
 * already, so it is this clock that is behind, or that of its author was ahead. Its author is refused instead, who is told at
 * once and may sign it again. Nothing here counts as held; what finds no room comes again with the next repair.
 */
import type { Clock } from '../../clock/index.ts';
import { textOf } from '../format/names.ts';
import type { RecordBody } from '../format/wire.ts';
import { sizeOf } from './reading.ts';

export interface Parking extends Disposable {
  /** @param dueAt corrected time, ms, from when on its version is no longer too far ahead */
  park(body: RecordBody, dueAt: number): void;
}

export interface ParkingDeps {
  readonly clock: Pick<Clock, 'after'>;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** These are due. They are checked in full only now: what was parked was believed to be nothing. */
  readonly take: (bodies: readonly RecordBody[]) => Promise<void>;
}

export interface ParkingConfig {
  /** Default 4 096. */
  readonly maxRecords?: number;
  /** Default 8 MiB. */
  readonly maxBytes?: number;
  /** What is due later than in this time is not parked. Default 1 h. */
  readonly maxWaitMs?: number;
}

/** The time that says when something is due may be corrected meanwhile. */
const LOOK_MS = 1_000;

export function createParking(
  { clock, now, take }: ParkingDeps,
  { maxRecords = 4_096, maxBytes = 8 * 1_048_576, maxWaitMs = 3_600_000 }: ParkingConfig = {},
): Parking {
  /** By their headers, which are different for different records. */
  const parked = new Map<string, { readonly body: RecordBody; readonly dueAt: number }>();
  let bytes = 0;
  let timer: Disposable | undefined;
  let closed = false;

  function remove(name: string, body: RecordBody): void {
    parked.delete(name);
    bytes -= sizeOf(body);
  }

  /** Those that wait longest make room. */
  function makeRoom(): void {
    while (parked.size > maxRecords || bytes > maxBytes) {
      let last: { readonly name: string; readonly body: RecordBody; readonly dueAt: number } | undefined;
      for (const [name, one] of parked) if (!last || one.dueAt > last.dueAt) last = { name, ...one };
      if (!last) return;
      remove(last.name, last.body);
    }
  }

  function look(): void {
    timer = undefined;
    if (closed) return;
    const time = now();
    const due: RecordBody[] = [];
    for (const [name, { body, dueAt }] of parked) {
      if (dueAt > time) continue;
      remove(name, body);
      due.push(body);
    }
    wait();
    // Refused for another reason now, or the disk fails: repair brings it again.
    if (due.length > 0) void take(due).catch(() => {});
  }

  function wait(): void {
    if (parked.size > 0 && !closed) timer ??= clock.after(LOOK_MS, look);
  }

  return {
    park(body, dueAt) {
      if (closed || dueAt > now() + maxWaitMs) return;
      const name = textOf(body[0]);
      if (parked.has(name)) return;
      parked.set(name, { body, dueAt });
      bytes += sizeOf(body);
      makeRoom();
      wait();
    },
    [Symbol.dispose]() {
      closed = true;
      timer?.[Symbol.dispose]();
      parked.clear();
    },
  };
}
