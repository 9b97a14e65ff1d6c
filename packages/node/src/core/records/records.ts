/** Puts the parts of a node's records together, and checks what callers ask. */
import { P2posError, parseVersion } from '@p2pos/protocol';
import type { PeerId } from '../net/index.ts';
import { createTaskGroup } from '../tasks/index.ts';
import { createAcceptor } from './cas/acceptor.ts';
import { createLeases } from './cas/leases.ts';
import { startPromiseSweep } from './cas/promise-sweep.ts';
import { createPromises } from './cas/promises.ts';
import { createProposer } from './cas/proposer.ts';
import { createRegisters } from './cas/registers.ts';
import { createRounds } from './cas/rounds.ts';
import { openRecordClock } from './clock/index.ts';
import type { RecordsConfig, RecordsDeps } from './config.ts';
import { createAgreement } from './coordinator/agreement.ts';
import { createReplicaCalls } from './coordinator/calls.ts';
import { type Attempt, createIdempotency, requestText } from './coordinator/idempotency.ts';
import { createPreference } from './coordinator/preference.ts';
import { createReader } from './coordinator/reader.ts';
import { createScanner, type ScanInput } from './coordinator/scanning/scan.ts';
import type { Draft, Written } from './coordinator/ticket.ts';
import { createWriter } from './coordinator/writer.ts';
import { createDeclarations } from './declarations.ts';
import { isKey, MAX_KEY_BYTES } from './format/record.ts';
import { createSealVerifier } from './format/seal.ts';
import { RECORDS } from './format/wire.ts';
import { createCopying } from './handover/copying.ts';
import { startHandover } from './handover/handover.ts';
import { unionOf } from './placement/quorum.ts';
import { slotOf as slotIn } from './placement/slot.ts';
import { openTopology } from './placement/topology.ts';
import type { CallOptions, NamespaceDeclaration, RecordKey, Records, WriteOutcome } from './port.ts';
import { createCollector } from './receipts/collector.ts';
import { createNotary } from './receipts/notary.ts';
import { createComparing } from './repair/comparing.ts';
import { openRepair } from './repair/index.ts';
import { openAside } from './repair/reconciliation/aside.ts';
import { createSlotContents, tellChanges } from './repair/reconciliation/digests.ts';
import { openPeerMemory } from './repair/standing/memory.ts';
import { createStanding } from './repair/standing/standing.ts';
import { createAccounting } from './replica/accounting.ts';
import { createNewest, noticing } from './replica/newest.ts';
import { createParking } from './replica/parking.ts';
import { createReplicaReader } from './replica/reading.ts';
import { createReplica, MAX_AHEAD_MS } from './replica/replica.ts';
import { serveRecords } from './replica/serving.ts';
import { openRecordTable } from './replica/store.ts';
import { startSweeper } from './replica/sweeper.ts';
import { createChangeReader } from './watch/change.ts';
import { createLogSource } from './watch/source.ts';
import { createWatcher } from './watch/watcher.ts';

/** After the start, requests wait this long for the first word on this node's disk. */
const PATIENCE_MS = 2_000;
/** What the corrected clocks of two members may differ. */
const CLOCK_SKEW_MS = 2_000;
const MAX_TTL_MS = 100 * 365 * 86_400_000;
const IDEMPOTENCY = { maxEntries: 20_000, maxBytes: 32 * 1_048_576 } as const;

export async function createRecords(deps: RecordsDeps, config: RecordsConfig = {}): Promise<Records> {
  const { rpc, membership, liveness, identity, crypto, clock, random } = deps;
  const { replicaCounts = [3], writeTimeoutMs = 5_000, readTimeoutMs = 5_000, handoverStepMs = 250 } = config;
  const { maxWrites = 8_192, maxWriteBytes = 64 * 1_048_576, idempotencyKeepMs = 86_400_000 } = config;
  const { repairBytesPerSecond: maxBytesPerSecond = 32 * 1_048_576, scrubMs = 7 * 86_400_000 } = config;
  const { keepDeletedMs = 86_400_000 } = config;
  const maxAgeMs = keepDeletedMs / 2;
  const { systemId } = membership;
  const self = identity.peerId;
  const log = deps.log.child({ module: 'records' });
  const onStalePeer = (peerId: PeerId) => deps.onStalePeer?.(peerId);

  await using started = new AsyncDisposableStack();
  const newest = createNewest({ maxBytes: config.cacheBytes ?? 16 * 1_048_576 });
  const store = noticing(deps.store, newest);
  const contents = createSlotContents({ store, crypto, clock });
  const table = tellChanges(await openRecordTable({ store: deps.store, crypto, newest }), contents.changed);
  const declarations = createDeclarations({ counts: replicaCounts });
  const { now, earliest, latest, trustedNow, ceiling, hybridClock } = await openRecordClock(
    { self, clock, liveness, membership, table },
    { maxAheadMs: MAX_AHEAD_MS },
  );
  const time = { clock, now, trustedNow };
  const topology = started.use(
    await openTopology({ self, membership, crypto, clock, log, table }, { counts: replicaCounts }),
  );
  const verifier = createSealVerifier({ crypto, systemId });
  const promises = createPromises({ store });
  const memory = await openPeerMemory({ store });
  const standing = createStanding(
    { self, store, opened: deps.opened, topology, memory, clock, now },
    { patienceMs: PATIENCE_MS, maxAheadMs: MAX_AHEAD_MS },
  );
  const replica = createReplica({
    self,
    membership,
    topology,
    declarations,
    table,
    promises,
    standing,
    isForgotten: contents.isForgotten,
    verifier,
    crypto,
    hybridClock,
    now,
    ceiling,
    maxAgeMs,
    onStalePeer,
    onAhead: (body, dueAt) => parking.park(body, dueAt),
    onStray: () => handover.noticeStray(),
  });
  const parking = started.use(
    createParking({
      clock,
      now,
      async take(records) {
        const placed = topology.placedNow();
        if (placed) await replica.write({ ...placed, records }, self, { relayed: true });
      },
    }),
  );
  const slotOf = (namespace: string, partition: Uint8Array) =>
    slotIn(crypto, membership.slots, namespace, partition);
  const source = createLogSource({ replica, declarations, log: table.log, clock });
  const local = createReplicaReader({
    replica,
    membership,
    topology,
    standing,
    declarations,
    table,
    crypto,
    log,
  });
  const acting = { self, replica, topology, standing, table, promises, declarations, slotOf, now };
  const handlers = serveRecords({
    replica,
    source,
    notary: createNotary({ self, systemId, signer: identity.signer, crypto, replica, table, now }),
    reader: local,
    copying: createCopying({ ...acting, crypto }),
    acceptor: createAcceptor({ ...acting, hybridClock, onContended: (name) => proposer.disturb(name) }),
    comparing: createComparing({
      membership,
      replica,
      topology,
      contents,
      memory,
      standing,
      holdsStrays: () => handover.holdsStrays(),
      store,
    }),
  });
  const calls = createReplicaCalls({ self, rpc, handlers, replica, onStalePeer });
  const receipts = createCollector({ systemId, topology, calls, crypto }, { timeoutMs: readTimeoutMs });
  const preference = createPreference({ self, liveness });
  const writer = started.use(
    createWriter(
      {
        self,
        systemId,
        topology,
        calls,
        preference,
        hybridClock,
        crypto,
        signer: identity.signer,
        clock,
        now,
        onMissed: (peerId, record) => repair.hint(peerId, record),
      },
      { timeoutMs: writeTimeoutMs, maxWrites, maxBytes: maxWriteBytes },
    ),
  );
  const agree = createAgreement({ self, topology, calls, local, preference, clock, log });
  const reader = createReader(
    { self, topology, calls, agree, preference, verifier, hybridClock, crypto, log, ...time },
    { timeoutMs: readTimeoutMs },
  );
  const scanner = createScanner(
    { topology, calls, preference, slotOf, ...time },
    { timeoutMs: readTimeoutMs },
  );
  const rounds = createRounds({ systemId, calls, crypto, signer: identity.signer });
  const proposer = started.use(
    createProposer(
      { self, rounds, calls, agree, topology, preference, verifier, hybridClock, crypto, random, ...time },
      { timeoutMs: writeTimeoutMs, maxChanges: maxWrites },
    ),
  );
  const registers = createRegisters({
    proposer,
    crypto,
    receipts,
    check: (name) => checkName(name, 'cas'),
    scan: (input, options) => scanner.scan(input, checkRange(input, 'cas'), options),
  });
  const idempotency = createIdempotency(
    { clock, ageOf: ({ fields }) => now() - parseVersion(fields.version).ms },
    { ...IDEMPOTENCY, keepMs: idempotencyKeepMs, resumeMs: maxAgeMs },
  );

  started.use(rpc.serve(RECORDS, handlers));
  const tasks = started.use(createTaskGroup({ clock, random, log }));
  const aside = await openAside({ store, contents, now });
  const { settle: settleRegister } = registers;
  // By a later one what is young would seem to be old enough to be forgotten, or set aside.
  const toldTime = earliest;
  const upkeep = {
    ...{ self, topology, calls, preference, table, aside, replica, crypto, clock, log, tasks },
    ...{ standing, declarations, slotOf, now, settleRegister, toldTime, latestTime: latest },
  };
  const handover = startHandover(
    { ...upkeep, promises },
    { stepMs: handoverStepMs, timeoutMs: readTimeoutMs, keepDeletedMs },
  );
  startPromiseSweep(
    { promises, topology, calls, declarations, slotOf, tasks, now: () => earliest() ?? 0 },
    { timeoutMs: readTimeoutMs },
  );
  startSweeper({ table, declarations, settleRegister, slotOf, tasks, now: () => earliest() ?? 0 });
  const repair = await openRepair(
    {
      ...upkeep,
      membership,
      memory,
      contents,
      store,
      verifier,
      random,
      liesAstray: handover.liesAstray,
      saveMoves: handover.save,
    },
    {
      timeoutMs: readTimeoutMs,
      writeTimeoutMs,
      ...{ maxBytesPerSecond, keepDeletedMs, scrubMs },
    },
  );
  const watcher = started.use(
    createWatcher({
      topology,
      async ask(peerId, input, timeoutMs, signal) {
        const { epoch, hash } = topology.current();
        const placed = { ...input, epoch, placement: hash };
        // Not as a call, for that would not end with the signal.
        if (peerId === self) return source.follow(placed, self, signal);
        return calls.ask(peerId, 'follow', placed, { timeoutMs, signal });
      },
      changes: createChangeReader({ verifier, topology, crypto, now, trustedNow }),
      crypto,
      holdersOf: (namespace, partition, count) =>
        unionOf(topology.moves.required(slotOf(namespace, partition), count)),
      read: (name, signal) =>
        findDeclaration(name.namespace).kind === 'cas'
          ? registers.agreed(name, { signal })
          : reader.read(name, checkName(name).place, 'quorum', { signal }).then(({ found }) => found),
      check(input) {
        const declaration = findDeclaration(input.namespace);
        checkRange({ ...input, limit: 1 }, declaration.kind);
        return declaration;
      },
      ...time,
      random,
      log,
    }),
  );
  const stack = started.move();

  /** @throws P2posError STATE_UNCONFIGURED, NAMESPACE_UNKNOWN, BAD_REQUEST */
  function checkName({ namespace, partition, key }: RecordKey, kind: NamespaceDeclaration['kind'] = 'lww') {
    const declaration = findDeclaration(namespace, kind);
    if (!isKey(key) || !isKey(partition)) {
      const reason = `Keys and partitions have 1 to ${MAX_KEY_BYTES} bytes.`;
      throw new P2posError('BAD_REQUEST', { reason });
    }
    requireMember();
    return { declaration, place: { slot: slotOf(namespace, partition), count: declaration.replicas } };
  }

  function findDeclaration(namespace: string, kind?: NamespaceDeclaration['kind']): NamespaceDeclaration {
    const declaration = declarations.find(namespace);
    if (kind === undefined || declaration.kind === kind) return declaration;
    throw new P2posError('NAMESPACE_KIND', { namespace, kind: declaration.kind });
  }

  /** The number of replicas of the namespace. */
  function checkRange(
    { namespace, prefix, after, partition }: ScanInput,
    kind: NamespaceDeclaration['kind'] = 'lww',
  ): number {
    const { replicas } = findDeclaration(namespace, kind);
    if (prefix.length > MAX_KEY_BYTES || (after?.length ?? 0) > MAX_KEY_BYTES) {
      throw new P2posError('BAD_REQUEST', { reason: `A prefix has at most ${MAX_KEY_BYTES} bytes.` });
    }
    if (partition && !isKey(partition))
      throw new P2posError('BAD_REQUEST', { reason: `Partitions have 1 to ${MAX_KEY_BYTES} bytes.` });
    requireMember();
    return replicas;
  }

  function requireMember(): void {
    const { snapshot, members } = membership.view();
    if (!snapshot || !members.has(self)) throw new P2posError('STATE_UNCONFIGURED', { peerId: self });
  }

  async function write(
    draft: Draft,
    ttlMs: number | undefined,
    { idempotencyKey, receipt }: { readonly idempotencyKey?: string; readonly receipt?: 'signed' },
    { signal }: CallOptions,
  ): Promise<WriteOutcome> {
    const { place } = checkName(draft);
    const run = (attempt?: Attempt) => writer.write(draft, place, { signal, ...attempt });
    const written = await (idempotencyKey === undefined
      ? run()
      : idempotency.once(
          `${draft.namespace} ${idempotencyKey}`,
          requestText(crypto, draft, ttlMs),
          run,
          signal,
        ));
    const outcome = outcomeOf(written);
    if (receipt !== 'signed') return outcome;
    return { ...outcome, receipt: await receipts.collect(draft, place, outcome, { signal }) };
  }

  return {
    declare: declarations.declare,
    async put({ namespace, partition, key, value, ttlMs, ...wishes }, options = {}) {
      const { declaration } = checkName({ namespace, partition, key });
      const { maxValueBytes } = declaration;
      if (value.length > maxValueBytes)
        throw new P2posError('RECORD_TOO_LARGE', { what: 'value', maxBytes: maxValueBytes });
      if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) {
        throw new P2posError('BAD_REQUEST', { reason: `A time to live is 1 to ${MAX_TTL_MS} ms.` });
      }
      declaration.validate?.({ namespace, key, value });
      // By a clock that is behind it would be gone as soon as it is acknowledged.
      const expiresAt = ttlMs === undefined ? undefined : (await trustedNow()) + ttlMs;
      const valueHash = crypto.sha256(value);
      return write({ namespace, partition, key, value, valueHash, expiresAt }, ttlMs, wishes, options);
    },
    async delete({ namespace, partition, key, ...wishes }, options = {}) {
      const draft = { namespace, partition, key, value: undefined, expiresAt: undefined };
      return write(draft, undefined, wishes, options);
    },
    async get({ namespace, partition, key, consistency }, options = {}) {
      const name = { namespace, partition, key };
      return reader.read(name, checkName(name).place, consistency, options);
    },
    async attest(name, options = {}) {
      const { place } = checkName(name);
      const { found } = await reader.read(name, place, 'quorum', options);
      if (!found) return undefined;
      const holders = {
        version: found.version,
        replicas: topology.moves.required(place.slot, place.count).flat(),
      };
      return { ...found, receipt: await receipts.collect(name, place, holders, options) };
    },
    scan: async (input, options = {}) => scanner.scan(input, checkRange(input), options),
    scanAll: async (input, options = {}) => scanner.scan(input, checkRange(input), options),
    watch: (input, { signal = new AbortController().signal } = {}) => watcher.watch(input, signal),
    registers,
    leases: createLeases({ registers, clock, trustedNow }, { skewMs: CLOCK_SKEW_MS }),
    moves() {
      const counts = topology.moves.rings().map(({ count }) => count);
      const total = (list: (count: number) => number[]) =>
        counts.reduce((sum, count) => sum + list(count).length, 0);
      return { open: total(topology.moves.open), unsettled: total(topology.moves.unsettled) };
    },
    storedBytes: (app) => table.appBytes(app),
    account: createAccounting({ store, clock }),
    held: (app, after, limit) => table.appNames(app, after, limit),
    kindOf: (namespace) => declarations.get(namespace)?.kind,
    repair: repair.door,
    locate({ namespace, partition }) {
      const { replicas: count } = declarations.find(namespace);
      requireMember();
      topology.current();
      const slot = slotOf(namespace, partition);
      const [present = [], ...older] = topology.moves.required(slot, count);
      const previous = [...new Set(older.flat())].filter((peerId) => !present.includes(peerId));
      return { slot, replicas: present, previous };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function outcomeOf({ version, replicas, explain, existed }: Written): WriteOutcome {
  return { version, replicas, durable: replicas.length, explain, existed };
}
