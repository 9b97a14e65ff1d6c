/** One member of a group, for a client of this node: asks whoever leads the group for messages, as long as it is wanted. */
import { isP2posError, P2posError, toHex } from '@p2pos/protocol';
import { type Clock, sleep } from '../../../../core/clock/index.ts';
import type { PeerId } from '../../../../core/net/index.ts';
import { jitter, type Random } from '../../../../core/random/index.ts';
import type { Rpc } from '../../../../core/rpc/index.ts';
import type { From } from '../reader.ts';
import type { Seats } from '../seats.ts';
import { type Body, GROUPS } from '../wire.ts';
import type { Coordinator } from './coordinator.ts';
import type { Delivery } from './handout.ts';
import type { GroupName } from './position.ts';
import type { Slots } from './slots.ts';

export interface MemberDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'call'>;
  readonly seats: Seats<GroupName, Coordinator>;
  /** Of calls to each node. */
  readonly slots: Slots;
  /** Of what members of the app were given and their clients have not taken. */
  readonly account: { bytes: number; readonly maxBytes: number };
  readonly clock: Clock;
  readonly random: Random;
}

export interface MemberInput {
  readonly name: GroupName;
  readonly from: From;
  /** So many are with it at a time and not acknowledged. */
  readonly most: number;
}

/** For a node to answer. */
export const CALL_MS = 4_000;
/** For the group to be led by some node. */
export const REACH_MS = 15_000;
const RETRY_MS = 500;
/** An answer without messages that came sooner: too many wait there already. */
const SOON_MS = 500;
const PAUSE_MS = 1_000;

/** Until the signal aborts. @throws P2posError OVERLOADED: no node could lead the group for a while */
export async function* consumeAsMember(
  { self, rpc, seats, slots, account, clock, random }: MemberDeps,
  { name, from, most }: MemberInput,
  signal: AbortSignal,
): AsyncGenerator<readonly Delivery[]> {
  const member = toHex(random.bytes(8));
  /** The last that came, and whether more may have been sent since. */
  let last = 0;
  let isUnsure = false;
  let refusedAt: number | undefined;

  async function askThere(holder: PeerId, until: AbortSignal): Promise<Delivery[]> {
    using _ = await slots.enter(holder, name.app, until);
    const unsure = isUnsure;
    isUnsure = true;
    const input = { name, member, from, most, ...(unsure && { last }) };
    try {
      const { deliveries } = await rpc.call(holder, GROUPS, 'pull', input, {
        timeoutMs: CALL_MS,
        signal: until,
      });
      isUnsure = false;
      return deliveries.map(fromBody);
    } catch (error) {
      if (!unsure || !isP2posError(error, 'BAD_REQUEST')) throw error;
      // A node of an older version, which does not know `last`: what was lost comes again in time.
      isUnsure = false;
      throw new P2posError('PEER_UNREACHABLE', { peerId: holder }, { cause: error });
    }
  }

  async function ask(): Promise<Delivery[]> {
    if (account.bytes >= account.maxBytes) throw new P2posError('OVERLOADED', { what: 'This node' });
    const here = (seat: Coordinator) => seat.pull(`${self}/${member}`, from, most);
    return seats.reach(name, { here, there: askThere }, { timeoutMs: REACH_MS, signal });
  }

  async function leave(): Promise<void> {
    const seat = await seats.held(name);
    const holder = seats.holder(name);
    if (seat) seat.leave(`${self}/${member}`);
    else if (holder) await rpc.call(holder, GROUPS, 'leave', { name, member }, { timeoutMs: CALL_MS });
  }

  const pause = (forMs: number) => sleep(clock, forMs, { signal }).catch(() => {});

  try {
    while (!signal.aborted) {
      let deliveries: readonly Delivery[];
      const askedAt = clock.monotonic();
      try {
        deliveries = await ask();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof P2posError && error.retry)) throw error;
        if (error.code === 'OVERLOADED') {
          refusedAt ??= clock.monotonic();
          // Its client may find another node with room.
          if (clock.monotonic() - refusedAt >= REACH_MS) throw error;
        }
        await pause(RETRY_MS);
        continue;
      }
      refusedAt = undefined;
      if (deliveries.length === 0) {
        if (clock.monotonic() - askedAt < SOON_MS) await pause(jitter(random, PAUSE_MS));
        continue;
      }
      last = deliveries.at(-1)?.sequence ?? last;
      const bytes = deliveries.reduce((sum, { data }) => sum + data.length, 0);
      account.bytes += bytes;
      try {
        yield deliveries;
      } finally {
        account.bytes -= bytes;
      }
    }
  } finally {
    // If it is not heard, its time runs out.
    leave().catch(() => {});
  }
}

const fromBody = ([sequence, token, publisher, at, data, attempt]: Body): Delivery => ({
  type: 'message',
  sequence,
  token,
  publisher,
  at,
  data,
  attempt,
});
