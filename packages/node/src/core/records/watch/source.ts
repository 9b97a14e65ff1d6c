/** The replica's side of a watch: pages of its commit log, and the wait for the next commit. */
import { equalBytes, P2posError } from '@p2pos/protocol';
import { type Clock, sleep } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { Declarations } from '../declarations.ts';
import {
  type ChangeBody,
  MAX_BATCH_BYTES,
  MAX_RECORDS,
  type Placed,
  type RecordBody,
} from '../format/wire.ts';
import { sizeOf } from '../replica/reading.ts';
import type { Replica } from '../replica/replica.ts';
import type { CommitLog, LogEntry, LogRange } from './log.ts';

export interface FollowInput extends LogRange, Placed {
  /** `floor`: what went before up to there is no loss, for it was gone when the following began. */
  readonly from: { readonly store: string | null; readonly position: number; readonly floor: number } | null;
  readonly waitMs: number;
}

export interface FollowAnswer {
  readonly store: string;
  readonly position: number;
  readonly floor: number;
  readonly compacted: boolean;
  readonly more: boolean;
  readonly changes: readonly ChangeBody[];
}

type Page = Omit<FollowAnswer, 'store' | 'floor'>;
const lost = { compacted: true, more: false, changes: [] } as const;

export interface LogSource {
  /** @throws P2posError NOT_A_MEMBER, PLACEMENT_STALE, NAMESPACE_UNKNOWN, OVERLOADED */
  follow(input: FollowInput, from: PeerId, signal: AbortSignal): Promise<FollowAnswer>;
}

export interface LogSourceDeps {
  readonly replica: Pick<Replica, 'admit'>;
  readonly declarations: Declarations;
  readonly log: CommitLog;
  readonly clock: Clock;
}

export interface LogSourceConfig {
  /** Calls of one peer that wait for a commit; more are OVERLOADED. Default 512. */
  readonly maxWaiting?: number;
}

export function createLogSource(
  { replica, declarations, log, clock }: LogSourceDeps,
  { maxWaiting = 512 }: LogSourceConfig = {},
): LogSource {
  const waiting = new Map<PeerId, number>();

  /** The next page with something in it, or the last. */
  async function read(range: LogRange, from: number, floor: number): Promise<Page> {
    let position = from;
    for (;;) {
      // Rows that are gone leave the end of the log behind the end of the table.
      const { head } = await log.bounds(range.namespace);
      const page = await log.page(range, position, MAX_RECORDS);
      // Asked after the page was read: what was dropped before may be missing from it.
      const { compacted } = await log.bounds(range.namespace);
      if (compacted > Math.max(position, floor)) return { ...lost, position: head };
      if (page.entries.length > 0) {
        const { changes, end } = fitting(page.entries);
        return { position: end ?? page.position, compacted: false, more: true, changes };
      }
      position = page.more ? page.position : Math.max(position, head);
      if (!page.more) return { position, compacted: false, more: false, changes: [] };
    }
  }

  async function wait(range: LogRange, position: number, floor: number, waitMs: number, signal: AbortSignal) {
    using over = new DisposableStack();
    const stop = new AbortController();
    const end = () => stop.abort();
    // Before the log is read, so that no commit falls between.
    over.use(log.next(range, end));
    signal.addEventListener('abort', end, { once: true });
    over.defer(() => signal.removeEventListener('abort', end));
    const page = await read(range, position, floor);
    if (page.compacted || page.changes.length > 0 || signal.aborted) return page;
    await sleep(clock, waitMs, { signal: stop.signal }).catch(() => {});
    return stop.signal.aborted && !signal.aborted ? await read(range, page.position, floor) : page;
  }

  async function waitInTurn(from: PeerId, run: () => ReturnType<typeof wait>) {
    const others = waiting.get(from) ?? 0;
    if (others >= maxWaiting) throw new P2posError('OVERLOADED', { what: 'Watching' });
    waiting.set(from, others + 1);
    try {
      return await run();
    } finally {
      const left = (waiting.get(from) ?? 1) - 1;
      if (left > 0) waiting.set(from, left);
      else waiting.delete(from);
    }
  }

  return {
    async follow({ namespace, prefix, from, waitMs, ...placed }, peerId, signal) {
      // The log is the same whatever the snapshot, but who follows by an old one does not know whom to follow.
      replica.admit(placed, peerId);
      declarations.find(namespace);
      const store = log.storeId;
      const range = { namespace, prefix };
      const { head } = await log.bounds(namespace);
      if (!from) return { store, position: head, floor: 0, compacted: false, more: false, changes: [] };
      const { position } = from;
      // What was dropped of what lay there at the beginning was never told as alive.
      const floor = from.store === null ? head : from.floor;
      const another = from.store === null ? position > 0 : from.store !== store || position > head;
      if (another) return { ...lost, store, position: head, floor };
      const page = await waitInTurn(peerId, () => wait(range, position, floor, waitMs, signal));
      return { store, floor, ...page };
    },
  };
}

/** As many as fit one answer; `end`: the position of the last, when some do not. */
function fitting(entries: readonly LogEntry[]) {
  const changes: ChangeBody[] = [];
  let bytes = 0;
  let end: number | undefined;
  for (const { key, partition, stored, position } of entries) {
    const { header, value, proof } = stored.record;
    const body: RecordBody = [header, value, proof];
    bytes += sizeOf(body);
    if (bytes > MAX_BATCH_BYTES && changes.length > 0) return { changes, end };
    changes.push([key, equalBytes(key, partition) ? null : partition, stored.damaged ? null : body]);
    end = position;
  }
  return { changes, end: undefined };
}
