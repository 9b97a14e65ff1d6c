/**
 * The write path of a coordinator. What comes within a tick, and while the batch before is signed, shares one
 * signature, one request per replica, and there one verification and one commit. A write is done when a majority of
 * every needed set has it on disk as the newest; the other replicas go on by themselves.
 */
import {
  type Crypto,
  formatVersion,
  isP2posError,
  P2posError,
  parseVersion,
  type Signer,
} from '@p2pos/protocol';
import type { Clock } from '../../clock/index.ts';
import type { PeerId } from '../../net/index.ts';
import type { HybridClock } from '../clock/hybrid-clock.ts';
import { encodeHeader } from '../format/record.ts';
import { MAX_SEALED, seal } from '../format/seal.ts';
import { MAX_BATCH_BYTES, type Placed, type WriteAnswer } from '../format/wire.ts';
import type { Topology } from '../placement/topology.ts';
import { MAX_AHEAD_MS } from '../replica/replica.ts';
import type { CheckedRecord } from '../replica/stored.ts';
import type { ReplicaCalls } from './calls.ts';
import type { Preference } from './preference.ts';
import { type Draft, Ticket, type Written } from './ticket.ts';

export interface WriterDeps {
  readonly self: PeerId;
  readonly systemId: string;
  readonly topology: Topology;
  readonly calls: Pick<ReplicaCalls, 'write'>;
  readonly preference: Preference;
  readonly hybridClock: HybridClock;
  readonly crypto: Crypto;
  readonly signer: Signer;
  readonly clock: Clock;
  /** Corrected time, ms. */
  readonly now: () => number;
  /** A replica has not got a record that was acknowledged. */
  readonly onMissed: (peerId: PeerId, record: CheckedRecord) => void;
}

export interface WriterConfig {
  /** From the call to its answer. */
  readonly timeoutMs: number;
  /** Writes under way at once; more are OVERLOADED. */
  readonly maxWrites: number;
  readonly maxBytes: number;
}

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** The record of an earlier try with unknown outcome: its version is used again. */
  readonly resume?: CheckedRecord | undefined;
  /** Told when the write fails and some replica may hold this record nevertheless. */
  readonly onUnknown?: (record: CheckedRecord) => void;
}

/** Disposal rejects what is under way with NODE_CLOSING. */
export interface Writer extends Disposable {
  write(
    draft: Draft,
    place: { readonly slot: number; readonly count: number },
    options: WriteOptions,
  ): Promise<Written>;
}

/** While few writes are under way they need not wait for each other: one batch in the commit at hand, one behind it. */
const MAX_FLYING = 2;
const FEW = 8;
/** So many make a batch of their own whatever is under way. */
const MAX_GATHERED = 64;
/** A batch whose majority is slow or lost holds up those behind it for no longer. */
const MAX_HOLD_MS = 10;

interface Flight {
  left: number;
}

/** Between two sendings while the nodes learn a new snapshot. */
const RESEND_MS = 25;

export function createWriter(deps: WriterDeps, { timeoutMs, maxWrites, maxBytes }: WriterConfig): Writer {
  const { self, systemId, topology, calls, preference, hybridClock, crypto, signer, clock, now } = deps;
  let queue: Ticket[] = [];
  let sealing = false;
  /** Batches that wait for their majorities. */
  const flying = new Set<Flight>();
  /** Writes in them. */
  let underWay = 0;
  let wake: (() => void) | undefined;
  const open = new Set<Ticket>();
  let bytes = 0;
  let closed = false;

  function enqueue(ticket: Ticket): void {
    queue.push(ticket);
    if (queue.length >= MAX_GATHERED) wake?.();
    if (queue.length === 1 && !sealing) queueMicrotask(() => void pump());
  }

  /** Signs batch after batch; what arrives meanwhile makes the next one. */
  async function pump(): Promise<void> {
    if (sealing) return;
    sealing = true;
    while (queue.length > 0) {
      await room();
      const batch = nextBatch();
      try {
        await sealAll(batch);
        fly(batch);
        dispatch(batch);
      } catch (error) {
        for (const ticket of batch) ticket.giveUp(error);
      }
    }
    sealing = false;
  }

  /**
   * While batches are on their way to the disks, what comes is gathered: what is sent now would only wait there for the commit
   * before, and each batch costs a signature, its verifications and its messages.
   */
  function room(): Promise<void> | undefined {
    const few = flying.size < MAX_FLYING && underWay < FEW;
    if (flying.size === 0 || few || queue.length >= MAX_GATHERED) return undefined;
    return new Promise((resolve) => {
      const timer = clock.after(MAX_HOLD_MS, () => wake?.());
      wake = () => {
        wake = undefined;
        timer[Symbol.dispose]();
        resolve();
      };
    });
  }

  function fly(batch: readonly Ticket[]): void {
    const flight: Flight = { left: 0 };
    for (const ticket of batch) {
      if (ticket.settled) continue;
      flight.left++;
      underWay++;
      ticket.onLanded = () => {
        underWay--;
        if (--flight.left > 0) return;
        flying.delete(flight);
        wake?.();
      };
    }
    if (flight.left > 0) flying.add(flight);
  }

  function nextBatch(): Ticket[] {
    let size = 0;
    let end = 0;
    while (end < queue.length && end < MAX_SEALED) {
      size += (queue[end] as Ticket).bytes;
      if (size > MAX_BATCH_BYTES / 2 && end > 0) break;
      end++;
    }
    const batch = queue.slice(0, end);
    queue = queue.slice(end);
    return batch.filter(({ settled }) => !settled);
  }

  async function sealAll(batch: readonly Ticket[]): Promise<void> {
    if (batch.length === 0) return;
    const stamps = await hybridClock.take(batch.length);
    const drafts = batch.map(({ draft }, i) => {
      const { ms, counter } = stamps[i] as { ms: number; counter: number };
      const { namespace, partition, key, value, valueHash, expiresAt } = draft;
      const fields = {
        namespace,
        partition,
        key,
        version: formatVersion({ ms, counter, author: self }),
        expiresAt,
        value: value && { hash: valueHash ?? crypto.sha256(value), bytes: value.length },
      };
      return { fields, header: encodeHeader(fields), value: value ?? null };
    });
    const sealed = await seal(
      { crypto, signer, systemId },
      drafts.map(({ header }) => header),
    );
    for (const [i, ticket] of batch.entries()) {
      const { slot, count } = ticket;
      const draft = drafts[i] as (typeof drafts)[0];
      ticket.record = { ...draft, ...(sealed[i] as (typeof sealed)[0]), slot, count };
    }
  }

  /** Sends records that are signed to their replicas, those of one replica together. */
  function dispatch(tickets: readonly Ticket[]): void {
    const unsettled = tickets.filter(({ settled }) => !settled);
    let placed: Placed;
    try {
      const { epoch, hash } = topology.current();
      placed = { epoch, placement: hash };
    } catch (error) {
      for (const ticket of unsettled) {
        if (isP2posError(error, 'PLACEMENT_STALE')) resend(ticket);
        else ticket.giveUp(error);
      }
      return;
    }
    const sendings = new Map<PeerId, { ticket: Ticket; round: number }[]>();
    for (const ticket of unsettled) {
      const sets = topology.moves.required(ticket.slot, ticket.count);
      const { round, peers } = ticket.begin(sets, preference.isSilent);
      for (const peerId of peers) {
        const sending = sendings.get(peerId);
        if (sending) sending.push({ ticket, round });
        else sendings.set(peerId, [{ ticket, round }]);
      }
      if (peers.length === 0) ticket.lose();
    }
    for (const [peerId, sending] of sendings) void send(peerId, placed, sending);
  }

  async function send(
    peerId: PeerId,
    placed: Placed,
    sending: readonly { readonly ticket: Ticket; readonly round: number }[],
  ): Promise<void> {
    const generation = topology.generation();
    const startedAt = clock.monotonic();
    const records = sending.map(({ ticket }) => ticket.record as CheckedRecord);
    try {
      const answers = await calls.write(peerId, placed, records, { timeoutMs });
      const ms = clock.monotonic() - startedAt;
      for (const [i, { ticket, round }] of sending.entries()) {
        const answer = answers[i] as WriteAnswer;
        ticket.answer(round, peerId, answer, ms);
        learn(ticket, answer, generation);
        act(ticket);
      }
    } catch (error) {
      const ms = clock.monotonic() - startedAt;
      for (const { ticket, round } of sending) {
        if (ticket.acknowledged && ticket.record) deps.onMissed(peerId, ticket.record);
        ticket.fail(round, peerId, error, ms);
        act(ticket);
      }
    }
  }

  function learn(ticket: Ticket, { result, text }: WriteAnswer, generation: number): void {
    if (result === 'behind') {
      const seen = parseVersion(text as string);
      if (seen.ms <= now() + MAX_AHEAD_MS) hybridClock.observe(seen);
      // Nothing that this node may sign would be newer.
      else ticket.giveUp(new P2posError('VERSION_AHEAD', { maxAheadMs: MAX_AHEAD_MS }));
    }
    if (result === 'elsewhere' && generation === topology.generation()) {
      topology.moves.learnClosed(ticket.slot, ticket.count, Number(text));
      ticket.narrow(topology.moves.required(ticket.slot, ticket.count));
    }
  }

  function act(ticket: Ticket): void {
    const turn = ticket.turn();
    if (turn === 'done') {
      ticket.succeed();
      for (const peerId of ticket.missing()) deps.onMissed(peerId, ticket.record as CheckedRecord);
    }
    if (turn === 'lost') ticket.lose();
    if (turn === 'resend') resend(ticket);
    if (turn === 'renew') {
      ticket.suspend();
      enqueue(ticket);
    }
  }

  /** The same record again, once the nodes may agree on the snapshot; its deadline ends this. */
  function resend(ticket: Ticket): void {
    ticket.suspend();
    clock.after(RESEND_MS, () => {
      if (!ticket.settled) void topology.ready().then(() => dispatch([ticket]));
    });
  }

  return {
    async write(draft, place, { signal, resume, onUnknown }) {
      signal?.throwIfAborted();
      if (closed) throw new P2posError('NODE_CLOSING');
      const ticket = new Ticket(draft, place, resume);
      if (open.size >= maxWrites || bytes + ticket.bytes > maxBytes) {
        throw new P2posError('OVERLOADED', { what: 'Writing' });
      }
      const stop = () => ticket.reject(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
      ticket.timer = clock.after(timeoutMs, () => ticket.lose());
      open.add(ticket);
      bytes += ticket.bytes;
      try {
        if (resume) dispatch([ticket]);
        else enqueue(ticket);
        return await ticket.promise;
      } catch (error) {
        if (ticket.record && ticket.mayBeKept()) onUnknown?.(ticket.record);
        throw error;
      } finally {
        signal?.removeEventListener('abort', stop);
        open.delete(ticket);
        bytes -= ticket.bytes;
      }
    },
    [Symbol.dispose]() {
      closed = true;
      for (const ticket of open) ticket.giveUp(new P2posError('NODE_CLOSING'));
    },
  };
}
