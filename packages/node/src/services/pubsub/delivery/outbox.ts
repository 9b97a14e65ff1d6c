/**
 * What is on its way to one member: in order, several batches under way at once, tried again while the member may come back.
 * What is too old or too much is given up message by message: its number still goes, so the member knows what it lost.
 */
import type { Clock } from '../../../core/clock/index.ts';
import { MAX_BATCH, MAX_BATCH_BYTES, MAX_SIGNED, type MessageBody } from '../wire.ts';

/** When it was signed, ms, and the signature. */
export type Signed = readonly [at: number, signature: Uint8Array];
export type OnTold = (clients: number | undefined, signed?: Signed) => void;

export interface Sent {
  readonly clients: readonly number[];
  /** For each that was to be signed. */
  readonly signed?: readonly Signed[] | undefined;
  /** Places of those that nobody got: the member had told them as lost. */
  readonly late?: readonly number[] | undefined;
}

export interface Parcel {
  /** Of this node, by which the message is numbered. */
  readonly incarnation: number;
  body: MessageBody;
  /** Told once: how many clients there have it; undefined: given up. */
  readonly onTold?: OnTold | undefined;
  readonly sign?: boolean | undefined;
}

interface Queued extends Parcel {
  readonly queuedAt: number;
  readonly order: number;
}

export interface Batch {
  readonly incarnation: number;
  readonly messages: readonly MessageBody[];
  /** Places of those that the member shall sign for. */
  readonly sign: number[];
}

export interface OutboxDeps {
  readonly clock: Clock;
  readonly isConnected: () => boolean;
  readonly send: (batch: Batch) => Promise<Sent>;
}

export interface OutboxConfig {
  /** How long a member that is away is waited for. */
  readonly keepMs: number;
  readonly maxBytes: number;
  readonly maxMessages: number;
  /** Batches under way at once. */
  readonly maxUnderWay: number;
}

export interface Outbox extends Disposable {
  push(parcel: Parcel): void;
  /** The member is there again, or may be. */
  wake(): void;
}

const RETRY_MS = 250;
/** Topics of which nothing is left to send but that something is missing. */
const MAX_LOST_TOPICS = 10_000;

export function createOutbox(
  { clock, isConnected, send }: OutboxDeps,
  { keepMs, maxBytes, maxMessages, maxUnderWay }: OutboxConfig,
): Outbox {
  let queue: Queued[] = [];
  let bytes = 0;
  /** So many at the head of the queue, numbers alone. */
  let givenUp = 0;
  /** By topic, the last of those whose numbers were dropped too: sent when the member is back, for nothing may follow it. */
  const lost = new Map<string, Queued>();
  let underWay = 0;
  /** Of what is under way. */
  let incarnation = 0;
  let order = 0;
  /** A batch failed: those after it must not overtake it. */
  let failed: Queued[] = [];
  let scheduled = false;
  let timer: Disposable | undefined;
  let closed = false;

  const sizeOf = ({ body }: Queued) => 64 + body[0].length + (body[4]?.length ?? 0);

  function giveUp(parcel: Queued): void {
    if (parcel.body[4] === null) return;
    const [name, seq, previous] = parcel.body;
    bytes -= parcel.body[4].length;
    parcel.body = [name, seq, previous, previous, null];
    parcel.onTold?.(undefined);
  }

  function bound(): void {
    const old = clock.monotonic() - keepMs;
    for (let parcel = queue[givenUp]; parcel; parcel = queue[++givenUp]) {
      if (parcel.queuedAt > old && bytes <= maxBytes) break;
      giveUp(parcel);
    }
    // Even numbers alone grow too many or too old: of each topic the last one stands for all before it.
    let most = Math.max(0, queue.length - maxMessages);
    while (most < givenUp && (queue[most] as Queued).queuedAt < old - 3 * keepMs) most++;
    if (most === 0) return;
    const dropped = queue.splice(0, most);
    givenUp = Math.max(0, givenUp - dropped.length);
    for (const parcel of dropped) {
      giveUp(parcel);
      bytes -= sizeOf(parcel);
      const [name, seq, previous, since] = parcel.body;
      const topic = `${parcel.incarnation} ${name}`;
      const first = lost.get(topic)?.body[3] ?? since;
      lost.delete(topic);
      lost.set(topic, { ...parcel, body: [name, seq, previous, first, null] });
      if (lost.size > MAX_LOST_TOPICS) lost.delete(lost.keys().next().value as string);
    }
  }

  /** What was dropped is older than all that waits. */
  function tellLost(): void {
    const queuedAt = clock.monotonic();
    const parcels = Array.from(lost.values(), (parcel) => ({ ...parcel, queuedAt }));
    lost.clear();
    for (const parcel of parcels) bytes += sizeOf(parcel);
    queue = [...parcels, ...queue];
    givenUp += parcels.length;
  }

  /** Of one incarnation. */
  function nextBatch(): Queued[] {
    let size = 0;
    let end = 0;
    let toSign = 0;
    while (end < queue.length && end < MAX_BATCH && queue[end]?.incarnation === queue[0]?.incarnation) {
      if ((queue[end] as Queued).sign && ++toSign > MAX_SIGNED) break;
      size += sizeOf(queue[end] as Queued);
      if (size > MAX_BATCH_BYTES && end > 0) break;
      end++;
    }
    givenUp = Math.max(0, givenUp - end);
    return queue.splice(0, end);
  }

  function pump(): void {
    scheduled = false;
    if (closed) return;
    if (!isConnected()) {
      bound();
      retryLater();
      return;
    }
    if (lost.size > 0 && failed.length === 0) tellLost();
    while (queue[0] && underWay < maxUnderWay && failed.length === 0) {
      // Who heard of the greater incarnation takes nothing of the one before it any more.
      if (underWay > 0 && queue[0].incarnation !== incarnation) break;
      incarnation = queue[0].incarnation;
      const batch = nextBatch();
      underWay++;
      void deliver(batch);
    }
    bound();
  }

  async function deliver(batch: readonly Queued[]): Promise<void> {
    try {
      const sign = batch.flatMap((parcel, i) => (parcel.sign && parcel.body[4] !== null ? [i] : []));
      const messages = batch.map(({ body }) => body);
      const { clients, signed, late } = await send({ incarnation, messages, sign });
      const missed = new Set(late);
      for (const [i, parcel] of batch.entries()) {
        bytes -= sizeOf(parcel);
        if (parcel.body[4] === null) continue;
        if (missed.has(i)) parcel.onTold?.(undefined);
        else parcel.onTold?.(clients[i] ?? 0, signed?.[sign.indexOf(i)]);
      }
    } catch {
      failed.push(...batch);
    }
    underWay--;
    if (closed) return;
    if (failed.length === 0) pump();
    else if (underWay === 0) {
      // In the order of their numbers again, whichever batch failed first.
      queue = [...failed.sort((a, b) => a.order - b.order), ...queue];
      failed = [];
      givenUp = queue.findIndex(({ body }) => body[4] !== null);
      if (givenUp < 0) givenUp = queue.length;
      retryLater();
    }
  }

  function retryLater(): void {
    if (queue.length + lost.size === 0) return;
    timer ??= clock.after(RETRY_MS, () => {
      timer = undefined;
      pump();
    });
  }

  return {
    push(parcel) {
      const queued = { ...parcel, queuedAt: clock.monotonic(), order: order++ };
      queue.push(queued);
      bytes += sizeOf(queued);
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(pump);
    },
    wake: pump,
    [Symbol.dispose]() {
      closed = true;
      timer?.[Symbol.dispose]();
      for (const parcel of [...failed, ...queue]) parcel.onTold?.(undefined);
    },
  };
}
