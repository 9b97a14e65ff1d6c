/** The rules of rendezvous: who holds what, what is believed, and what is renewed. */
import {
  type Crypto,
  compareBytes,
  concatBytes,
  type DhtEntry,
  decodeCbor,
  encodeCbor,
  formatTimestamp,
  MAX_RENDEZVOUS_PAGE,
  P2posError,
  parseTimestamp,
  type Registration,
  type RegistrationReceipt,
  type Signer,
  signDhtEntry,
} from '@p2pos/protocol';
import { z } from 'zod';
import { createAllowance } from '../../core/allowance/index.ts';
import type { Clock } from '../../core/clock/index.ts';
import type { Dht } from '../../core/dht/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import { createBoard, DEFAULT_BOARD_LIMITS } from './board.ts';
import { RENDEZVOUS } from './wire.ts';

export interface RendezvousDeps {
  readonly self: PeerId;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly membership: Pick<Membership, 'systemId' | 'view' | 'isActive' | 'events'>;
  readonly dht: Pick<Dht, 'announce' | 'withdraw' | 'discover'>;
  readonly signer: Signer;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface RendezvousConfig {
  /** Rendezvous members that hold a registration. */
  readonly holders?: number;
  /** Registrations of one app that this node keeps alive. */
  readonly perApp?: number;
  readonly callTimeoutMs?: number;
  /** Between two times that holders are told again. */
  readonly renewMs?: number;
}

export interface RegisterInput {
  readonly app: string;
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly data?: Uint8Array | undefined;
  /** Default one hour. */
  readonly ttlMs?: number | undefined;
}

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/** Every call throws STATE_UNCONFIGURED besides what it names. */
export interface Rendezvous extends AsyncDisposable {
  /** @throws P2posError RENDEZVOUS_FULL, RENDEZVOUS_UNSTORED */
  register(input: RegisterInput, options?: Options): Promise<RegistrationReceipt>;
  withdraw(
    input: { readonly app: string; readonly namespace: string; readonly name: string },
    options?: Options,
  ): Promise<{ readonly existed: boolean }>;
  discover(
    input: { readonly app: string; readonly namespace: string; readonly limit?: number | undefined },
    options?: Options,
  ): Promise<{ readonly registrations: Registration[]; readonly more: boolean }>;
}

const Value = z.strictObject({
  addresses: z.array(z.string().max(128)).max(8),
  data: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= 256).optional(),
});

interface Own {
  readonly app: string;
  readonly topic: string;
  readonly name: string;
  readonly value: Uint8Array;
  readonly endsAt: number;
}

export function createRendezvous(deps: RendezvousDeps, config: RendezvousConfig = {}): Rendezvous {
  const { self, rpc, membership, dht, signer, crypto, clock, random, log } = deps;
  const { holders = 3, perApp = 1_024, callTimeoutMs = 3_000, renewMs = 5 * 60_000 } = config;
  const board = createBoard(
    { crypto, clock, isActive: (peerId) => membership.isActive(peerId) },
    { systemId: membership.systemId, limits: DEFAULT_BOARD_LIMITS },
  );
  /** By topic and name. */
  const own = new Map<string, Own>();
  // By the key that the caller proved, not by what it names (T26).
  const callers = createAllowance(clock, { burst: () => 400, perSecond: () => 100 });
  let lastSeq = 0;

  const topicOf = (app: string, namespace: string) => `rendezvous/${app}/${namespace}`;
  function requireMember(): void {
    if (!membership.isActive(self)) throw new P2posError('STATE_UNCONFIGURED', { peerId: self });
  }

  /** The rendezvous members closest to the topic by hash; the same on every node (Thaler, Ravishankar 1998). */
  function holdersOf(topic: string): PeerId[] {
    const text = new TextEncoder();
    return [...membership.view().members.values()]
      .filter(
        ({ peerId, capabilities }) => capabilities.includes('rendezvous') && membership.isActive(peerId),
      )
      .map(({ peerId }) => ({ peerId, rank: crypto.sha256(concatBytes(text.encode(`${topic}\0${peerId}`))) }))
      .sort((a, b) => compareBytes(a.rank, b.rank))
      .slice(0, holders)
      .map(({ peerId }) => peerId);
  }

  async function entryOf({ topic, name, value, endsAt }: Own): Promise<Uint8Array> {
    const now = clock.now();
    lastSeq = Math.max(lastSeq + 1, Math.floor(now));
    const body: DhtEntry = {
      ...{
        systemId: membership.systemId,
        kind: 'shared',
        author: self,
        topic,
        entry: name,
        value,
        seq: lastSeq,
      },
      issuedAt: formatTimestamp(now),
      expiresAt: formatTimestamp(Math.max(endsAt, now + 1_000)),
    };
    return signDhtEntry(body, signer, crypto);
  }

  /** How many holders took it. */
  async function tell(item: Own, signal: AbortSignal): Promise<number> {
    const entry = await entryOf(item);
    const told = await Promise.allSettled(
      holdersOf(item.topic).map((peerId) =>
        peerId === self
          ? board.post(entry)
          : rpc.call(peerId, RENDEZVOUS, 'register', { entry }, { timeoutMs: callTimeoutMs, signal }),
      ),
    );
    return told.filter(({ status }) => status === 'fulfilled').length;
  }

  /** How many nodes of the table took it; none where there is no other. */
  async function announce({ topic, name, value, endsAt }: Own, signal: AbortSignal): Promise<number> {
    const ttlMs = Math.max(1_000, endsAt - clock.now());
    return dht.announce({ topic, entry: name, value, ttlMs }, { signal }).then(
      ({ stored }) => stored,
      (error) => {
        signal.throwIfAborted();
        log.debug({ action: 'rendezvous_announce', error }, 'the hash table did not take a registration');
        return 0;
      },
    );
  }

  async function ask(
    peerId: PeerId,
    topic: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<Uint8Array[]> {
    if (peerId === self) return board.read(topic, limit).map(({ bytes }) => bytes);
    const input = { topic, limit };
    return (await rpc.call(peerId, RENDEZVOUS, 'discover', input, { timeoutMs: callTimeoutMs, signal }))
      .entries;
  }

  const served = rpc.serve(RENDEZVOUS, {
    async register({ entry }, { peerId }) {
      if (!callers.take(peerId, 4)) throw new P2posError('OVERLOADED', { what: 'Rendezvous of this node' });
      await board.post(entry);
      return {};
    },
    async discover({ topic, limit }, { peerId }) {
      if (!callers.take(peerId, 1)) throw new P2posError('OVERLOADED', { what: 'Rendezvous of this node' });
      return { entries: board.read(topic, limit).map(({ bytes }) => bytes) };
    },
  });
  const changed = membership.events.on('membership:changed', () => {
    const isMember = (peerId: PeerId) => membership.view().members.has(peerId);
    board.retain(isMember);
    callers.retain(isMember);
    renewal.trigger();
  });
  const tasks = createTaskGroup({ clock, random, log });
  const renewal = tasks.every({ name: 'rendezvous', intervalMs: renewMs }, async (signal) => {
    board.sweep();
    if (!membership.isActive(self)) return;
    for (const [key, item] of own) {
      if (item.endsAt <= clock.now()) own.delete(key);
      // The hash table renews by itself what it was given.
      else await tell(item, signal);
    }
  });
  const within = (signal: AbortSignal | undefined) =>
    signal ? AbortSignal.any([signal, tasks.signal]) : tasks.signal;

  return {
    async register({ app, namespace, name, addresses, data, ttlMs = 3_600_000 }, { signal } = {}) {
      requireMember();
      const topic = topicOf(app, namespace);
      const key = `${topic} ${name}`;
      if (!own.has(key) && [...own.values()].filter((one) => one.app === app).length >= perApp)
        throw new P2posError('RENDEZVOUS_FULL', {
          reason: `this node keeps ${perApp} registrations of the app alive`,
        });
      const value = encodeCbor({ addresses: [...addresses], ...(data && { data }) });
      const item: Own = { app, topic, name, value, endsAt: clock.now() + ttlMs };
      const [members, nodes] = await Promise.all([
        tell(item, within(signal)),
        announce(item, within(signal)),
      ]);
      if (members + nodes === 0 && membership.view().members.size > 1)
        throw new P2posError('RENDEZVOUS_UNSTORED', { namespace, name });
      own.set(key, item);
      return { namespace, name, expiresAt: formatTimestamp(item.endsAt), members, nodes };
    },
    async withdraw({ app, namespace, name }, { signal } = {}) {
      requireMember();
      const topic = topicOf(app, namespace);
      const item = own.get(`${topic} ${name}`);
      if (!item) return { existed: false };
      own.delete(`${topic} ${name}`);
      // An entry without a value takes its place until its end, or an older copy would be found again.
      const ended = { ...item, value: new Uint8Array(0) };
      await Promise.all([
        tell(ended, within(signal)),
        dht.withdraw({ topic, entry: name }, { signal: within(signal) }).catch((error) => {
          log.debug(
            { action: 'rendezvous_withdraw', error },
            'the hash table did not take the end of a registration',
          );
        }),
      ]);
      return { existed: true };
    },
    async discover({ app, namespace, limit = 100 }, { signal } = {}) {
      requireMember();
      const topic = topicOf(app, namespace);
      const most = Math.min(limit, MAX_RENDEZVOUS_PAGE);
      const newest = new Map<
        string,
        { readonly registration: Registration | undefined; readonly seq: number }
      >();
      const take = (
        author: PeerId,
        name: string,
        found: { seq: number; value: Uint8Array; expiresAt: number },
      ) => {
        const key = `${author} ${name}`;
        if (found.expiresAt <= clock.now() || (newest.get(key)?.seq ?? 0) >= found.seq) return;
        newest.set(key, { registration: registrationOf(author, name, found), seq: found.seq });
      };
      for (const { topic: ours, name, value, endsAt } of own.values())
        if (ours === topic) take(self, name, { seq: 1, value, expiresAt: endsAt });
      const fromMembers = holdersOf(topic).map(async (peerId) => {
        for (const bytes of await ask(peerId, topic, most + 1, within(signal))) {
          const { entry } = await board.verify(bytes);
          if (entry.topic !== topic)
            throw new P2posError('PEER_PROTOCOL', { peerId, reason: 'it answered for another topic' });
          take(entry.author, entry.entry, { ...entry, expiresAt: parseTimestamp(entry.expiresAt) });
        }
      });
      const fromTable = dht.discover(topic, { signal: within(signal) }).then((found) => {
        for (const one of found) if (membership.isActive(one.author)) take(one.author, one.entry, one);
      });
      await Promise.allSettled([...fromMembers, fromTable]);
      signal?.throwIfAborted();
      const all = [...newest.values()]
        .sort((a, b) => b.seq - a.seq)
        .flatMap(({ registration }) => registration ?? []);
      return { registrations: all.slice(0, most), more: all.length > most };
    },
    async [Symbol.asyncDispose]() {
      changed[Symbol.dispose]();
      served[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}

/** Undefined: withdrawn, or no registration at all. */
export function registrationOf(
  by: PeerId,
  name: string,
  { value, expiresAt }: { readonly value: Uint8Array; readonly expiresAt: number },
): Registration | undefined {
  if (value.length === 0) return undefined;
  try {
    const read = Value.safeParse(decodeCbor(value));
    if (!read.success) return undefined;
    const { addresses, data } = read.data;
    return { name, addresses, ...(data && { data }), by, expiresAt: formatTimestamp(expiresAt) };
  } catch {
    return undefined;
  }
}
