/** Groups of consumers: each message of a durable topic goes to one member of each group, at least once. */

import { P2posError } from '@p2pos/protocol';
import type { Clock } from '../../../../core/clock/index.ts';
import type { Logger } from '../../../../core/log/index.ts';
import type { PeerId } from '../../../../core/net/index.ts';
import type { Random } from '../../../../core/random/index.ts';
import type { Records } from '../../../../core/records/index.ts';
import type { Rpc } from '../../../../core/rpc/index.ts';
import { createAccounts } from '../account.ts';
import type { From } from '../reader.ts';
import { createSeats } from '../seats.ts';
import type { Topics } from '../topics.ts';
import { type Body, GROUPS } from '../wire.ts';
import { type Coordinator, createCoordinator } from './coordinator.ts';
import type { Delivery } from './handout.ts';
import { CALL_MS, consumeAsMember, REACH_MS } from './member.ts';
import type { GroupName } from './position.ts';
import { createPositionStore, groupKey } from './position.ts';
import { createSlots } from './slots.ts';

export interface GroupsDeps {
  readonly self: PeerId;
  readonly rpc: Rpc;
  readonly records: Pick<Records, 'declare' | 'registers' | 'leases'>;
  readonly isMember: (peerId: PeerId) => boolean;
  readonly topics: Pick<Topics, 'read'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface GroupsConfig {
  readonly replicas: number;
  /** Default 5 s. */
  readonly leaseMs?: number;
  /** For a member to acknowledge a message, before another gets it. Default 30 s. */
  readonly ackMs?: number;
}

export interface Groups extends AsyncDisposable {
  /** What this member gets, `most` with it at a time (default 64), until the signal aborts. @throws P2posError OVERLOADED: for a while no node could lead the group */
  consume(
    input: GroupName & { readonly from: From; readonly most?: number | undefined },
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<readonly Delivery[]>;
  acknowledge(
    input: GroupName & { readonly sequences: readonly number[] },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<number>;
}

const MOST = 64;
/** Of what the groups of one app keep in memory on this node. */
const MAX_APP_BYTES = 64 * 1_048_576;
/** Of one app on this node. */
const MAX_CONSUMERS = 4_096;
/** Pulls that wait, of one member; others are answered at once and come again in a while. */
const WAITING = { ofOneApp: 128, inAll: 384 };
/** Pulls to one member, those that wait included. */
const PULLING = { ofOneApp: 192, inAll: 512 };

export function createGroups(deps: GroupsDeps, config: GroupsConfig): Groups {
  const { self, rpc, records, isMember, topics, clock, random, log } = deps;
  const { replicas, leaseMs = 5_000, ackMs = 30_000 } = config;
  records.declare({ suffix: '/topic-groups', kind: 'cas', author: 'member', replicas, maxValueBytes: 1_024 });

  const accountOf = createAccounts(MAX_APP_BYTES);
  /** Of what members' clients have not taken, and how many members each app has here. */
  const takenOf = createAccounts(MAX_APP_BYTES);
  const counts = new Map<string, number>();
  const waiting = createSlots(WAITING);
  const pulling = createSlots(PULLING);

  const seats = createSeats<GroupName, Coordinator>(
    {
      self,
      records,
      isMember,
      clock,
      random,
      log,
      keyOf: (name) => ({
        app: name.app,
        key: groupKey(name),
        text: `${name.app}/${name.group}/.${name.topic}`,
      }),
      holderOf: async (name, signal) => (await createPositionStore(records, name).read({ signal })).holder,
      open: ({ app, topic, group }, lease) =>
        createCoordinator(
          {
            self,
            lease,
            positions: createPositionStore(records, { app, topic, group }),
            clock,
            account: accountOf(app),
            read: (from, signal) => topics.read({ app, topic, from }, { signal }),
          },
          { ackMs, memberMs: 2 * CALL_MS, maxOut: 10_000 },
        ),
    },
    { leaseMs, idleMs: 30_000, maxHeld: 1_000 },
  );
  const held = async (name: GroupName): Promise<Coordinator> => {
    const seat = await seats.held(name);
    if (seat) return seat;
    throw new P2posError('PEER_UNREACHABLE', { peerId: self });
  };
  const checkMember = (peerId: PeerId) => {
    if (!isMember(peerId)) throw new P2posError('NOT_A_MEMBER', { peerId });
  };

  const served = rpc.serve(GROUPS, {
    pull: async ({ name, member, from, most, last }, { peerId }) => {
      checkMember(peerId);
      const seat = await held(name);
      using slot = waiting.tryEnter(peerId, name.app);
      const options = { mayWait: slot !== undefined, last };
      return { deliveries: (await seat.pull(`${peerId}/${member}`, from, most, options)).map(toBody) };
    },
    acknowledge: async ({ name, sequences }, { peerId }) => {
      checkMember(peerId);
      return { acknowledged: (await held(name)).acknowledge(sequences) };
    },
    leave: async ({ name, member }, { peerId }) => {
      checkMember(peerId);
      (await seats.held(name))?.leave(`${peerId}/${member}`);
      return {};
    },
  });

  return {
    async *consume({ from, most = MOST, ...name }, { signal }) {
      const account = takenOf(name.app);
      const count = counts.get(name.app) ?? 0;
      if (count >= MAX_CONSUMERS) throw new P2posError('OVERLOADED', { what: 'This node' });
      counts.set(name.app, count + 1);
      try {
        const deps = { self, rpc, seats, slots: pulling, account, clock, random };
        yield* consumeAsMember(deps, { name, from, most }, signal);
      } finally {
        counts.set(name.app, (counts.get(name.app) ?? 1) - 1);
      }
    },
    acknowledge: ({ sequences, ...name }, options) =>
      seats.reach(
        name,
        {
          here: async (seat) => seat.acknowledge(sequences),
          async there(holder, signal) {
            const input = { name, sequences: [...sequences] };
            const { acknowledged } = await rpc.call(holder, GROUPS, 'acknowledge', input, {
              timeoutMs: CALL_MS,
              signal,
            });
            return acknowledged;
          },
        },
        { timeoutMs: REACH_MS, ...options },
      ),
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      await seats[Symbol.asyncDispose]();
    },
  };
}

const toBody = ({ sequence, token, publisher, at, data, attempt }: Delivery): Body => [
  sequence,
  token,
  publisher,
  at,
  data,
  attempt,
];
