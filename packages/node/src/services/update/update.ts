/** Takes a release over the system: this node's part in it, one node at a time under a lease. */
import {
  type Crypto,
  compareSoftwareVersions,
  equalBytes,
  isP2posError,
  P2posError,
  type ReleaseArtefact,
  type ReleaseManifest,
  type UpdateStatus,
} from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { NodeStateMonitor } from '../../core/liveness/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { MembershipJournal } from '../../core/membership/index.ts';
import type { Net, PeerId } from '../../core/net/index.ts';
import type { Presence } from '../../core/presence/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Records } from '../../core/records/index.ts';
import type { Rpc } from '../../core/rpc/index.ts';
import type { Store } from '../../core/store/index.ts';
import { createTaskGroup } from '../../core/tasks/index.ts';
import type { UpdateHost } from './host.ts';
import { artefactFor, judgeRelease, readManifest } from './judgement.ts';
import { LEASE, openRollout, type Rollout } from './rollout.ts';
import { artefactAt, serveUpdate, standingOf } from './wire.ts';

export interface UpdateDeps {
  /** Undefined: this node cannot replace itself, but tells and steers updates. */
  readonly host: UpdateHost | undefined;
  readonly records: Pick<Records, 'declare' | 'registers' | 'leases' | 'moves' | 'repair'>;
  readonly membership: Pick<MembershipJournal, 'view' | 'isActive' | 'status'>;
  readonly net: Pick<Net, 'peerId' | 'isConnected'>;
  readonly presence: Pick<Presence, 'sighting'>;
  readonly state: Pick<NodeStateMonitor, 'current'>;
  readonly store: Pick<Store, 'migrate' | 'read' | 'write'>;
  readonly rpc: Pick<Rpc, 'serve' | 'call'>;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface UpdateConfig {
  /** Of this software. */
  readonly version: string;
  readonly replicas: number;
  /** Between two looks at the update under way. */
  readonly intervalMs: number;
}

export interface Update extends AsyncDisposable {
  status(signal?: AbortSignal): Promise<UpdateStatus>;
  check(manifest: Uint8Array, signal?: AbortSignal): Promise<ReleaseManifest>;
  apply(manifest: Uint8Array, signal?: AbortSignal): Promise<UpdateStatus>;
  pause(reason: string | undefined, signal?: AbortSignal): Promise<UpdateStatus>;
  finalize(signal?: AbortSignal): Promise<UpdateStatus>;
}

const MIGRATIONS = [
  'CREATE TABLE update_finalized (id INTEGER PRIMARY KEY CHECK (id = 1), version TEXT NOT NULL)',
];
/** Longer than a restart and the trial after it. */
const LEASE_MS = 180_000;

/** @throws P2posError RELEASE_OLDER when this software is older than what was finalized here */
export async function createUpdate(deps: UpdateDeps, config: UpdateConfig): Promise<Update> {
  const { host, records, membership, net, presence, state, store, rpc, crypto, clock } = deps;
  const { version: running, replicas, intervalMs } = config;
  const log = deps.log.child({ module: 'update' });
  const self = net.peerId;
  await store.migrate('update', MIGRATIONS);
  let finalizedHere = (await store.read<{ version: string }>('SELECT version FROM update_finalized'))[0]
    ?.version;
  if (finalizedHere !== undefined && compareSoftwareVersions(running, finalizedHere) < 0) {
    throw new P2posError('RELEASE_OLDER', { version: running, finalized: finalizedHere });
  }
  const register = openRollout({ records }, replicas);
  const tasks = createTaskGroup({ ...deps, log });
  const standing = async () => ({ version: running, onTrial: (await host?.trial()) !== undefined });
  const served = serveUpdate(rpc, host, standing);
  let waiting: string | undefined;

  const rules = () => {
    const { root } = membership.status();
    return root && { keys: root.releaseKeys, threshold: root.releaseThreshold };
  };
  const manifestOf = (bytes: Uint8Array) => readManifest(bytes, rules(), crypto);

  /** The version that was finalized, by manifests that verify; what is not signed counts for nothing. */
  async function finalizedBy(rollout: Rollout | undefined): Promise<string | undefined> {
    const found = [finalizedHere];
    for (const bytes of [rollout?.finalized, rollout?.state === 'finalized' ? rollout.manifest : undefined]) {
      if (!bytes) continue;
      const manifest = await manifestOf(bytes).catch(() => undefined);
      found.push(manifest?.version);
    }
    return found
      .filter((one) => one !== undefined)
      .toSorted(compareSoftwareVersions)
      .at(-1);
  }

  async function judged(bytes: Uint8Array, rollout: Rollout | undefined): Promise<ReleaseManifest> {
    const manifest = await manifestOf(bytes);
    judgeRelease(manifest, { now: clock.now(), finalized: await finalizedBy(rollout) });
    return manifest;
  }

  async function keepFinalized(version: string): Promise<void> {
    if (finalizedHere === version) return;
    await store.write([
      {
        sql: 'INSERT INTO update_finalized (id, version) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version',
        params: [version],
      },
    ]);
    finalizedHere = version;
    log.info({ action: 'update_finalized', version }, 'nothing older is started here any more');
  }

  /** Who runs this software: clients are listed too, and run none of it. */
  const nodes = () => [...membership.view().members.values()].filter(({ tier }) => tier !== 3);
  const others = () => nodes().filter(({ peerId }) => peerId !== self);

  /** What speaks against this node being away for a moment; undefined: nothing. */
  function obstacle(): string | undefined {
    if (state.current() !== 'healthy') return `this node is ${state.current()}`;
    const away = others().filter(({ peerId }) => !net.isConnected(peerId));
    if (away.length > 0) return `${away.map(({ name }) => name).join(', ')} not connected`;
    const { open, unsettled } = records.moves();
    if (open + unsettled > 0) return 'slots are still moving';
    if (records.repair.standing() === 'learner') return 'this node is catching up';
    return undefined;
  }

  async function fetchArtefact(
    host: UpdateHost,
    artefact: ReleaseArtefact,
    version: string,
    signal: AbortSignal,
  ): Promise<void> {
    if (await host.has(artefact)) return;
    const peers: PeerId[] = others()
      .map(({ peerId }) => peerId)
      .filter((peerId) => net.isConnected(peerId));
    const reasons: string[] = [];
    for (const peerId of peers) {
      try {
        const pieces = await artefactAt(rpc, peerId, artefact, signal);
        if (!pieces) continue;
        return await host.keep(artefact, version, pieces);
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error));
      }
    }
    for (const url of artefact.urls) {
      try {
        return await host.keep(artefact, version, host.fetch(url, signal));
      } catch (error) {
        reasons.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    const reason = reasons.at(-1) ?? 'no member and no address has it';
    throw new P2posError('RELEASE_ARTEFACT', { version, reason });
  }

  /** This process is the new version: once the node is healthy in it, it stays. */
  async function endTrial(host: UpdateHost, signal: AbortSignal): Promise<boolean> {
    const trial = await host.trial();
    if (!trial || trial.version !== running) return false;
    await records.leases.take({ ...LEASE, holder: self, ttlMs: LEASE_MS }, { signal });
    waiting = obstacle();
    if (waiting !== undefined) return true;
    await host.confirm();
    await giveBack(signal);
    log.info(
      { action: 'update_confirmed', version: running, from: trial.from },
      'the new version is healthy and stays',
    );
    return true;
  }

  async function giveBack(signal: AbortSignal): Promise<void> {
    const grant = await records.leases.take({ ...LEASE, holder: self, ttlMs: LEASE_MS }, { signal });
    if (grant) await records.leases.release({ ...LEASE, ...grant }, { signal });
  }

  /** This process is the old version again: nobody else shall try what failed here before an operator says so again. */
  async function reportFailure(
    host: UpdateHost,
    rollout: Rollout,
    version: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const failure = await host.failure();
    if (failure?.version !== version) return false;
    waiting = failure.reason;
    // What was finalized is not paused any more, and tried for ever it would only be in the way.
    if (rollout.state === 'finalized') return true;
    const name = membership.view().members.get(self)?.name ?? self;
    const reason = `${name} went back to ${running}: ${failure.reason}`;
    await register.change((current) => {
      const isSame = current !== undefined && equalBytes(current.manifest, rollout.manifest);
      return isSame && current.state !== 'finalized' ? { ...current, state: 'paused', reason } : undefined;
    }, signal);
    await giveBack(signal);
    // Only now: what was not told yet is told at the next look.
    await host.forget();
    log.warn(
      { action: 'update_failed', version, reason: failure.reason },
      'the update was rolled back and is paused',
    );
    return true;
  }

  async function step(signal: AbortSignal): Promise<void> {
    if (!membership.isActive(self)) return;
    const rollout = await register.read(signal);
    if (host && (await endTrial(host, signal))) return;
    if (!rollout) return;
    const finalized = await finalizedBy(rollout);
    if (finalized !== undefined && compareSoftwareVersions(running, finalized) >= 0)
      await keepFinalized(finalized);
    waiting = undefined;
    const manifest = await manifestOf(rollout.manifest);
    const { version } = manifest;
    // First: whether it may be installed is no question for who runs it, and its date goes by.
    if (compareSoftwareVersions(running, version) >= 0 || !host) return;
    if (await reportFailure(host, rollout, version, signal)) return;
    if (rollout.state === 'paused') return;
    judgeRelease(manifest, { now: clock.now(), finalized });
    if (host.unsupported !== undefined) {
      waiting = host.unsupported;
      return;
    }
    const artefact = artefactFor(manifest, running, host.platform);
    await fetchArtefact(host, artefact, version, signal);
    await host.stage(artefact, version);
    await changeOver(host, version, signal);
  }

  async function changeOver(host: UpdateHost, version: string, signal: AbortSignal): Promise<void> {
    waiting = obstacle();
    if (waiting !== undefined) return;
    const grant = await records.leases.take({ ...LEASE, holder: self, ttlMs: LEASE_MS }, { signal });
    if (!grant) {
      waiting = 'another node is being updated';
      return;
    }
    // What was true before the lease may not be now.
    waiting = obstacle();
    const now = await register.read(signal);
    if (waiting !== undefined || now?.state === 'paused') {
      await records.leases.release({ ...LEASE, ...grant }, { signal });
      return;
    }
    await host.activate(version);
    log.info({ action: 'update_start', from: running, version }, 'this node restarts with the new version');
    host.restart();
  }

  if (host) tasks.every({ name: 'update', intervalMs, immediately: true }, look);

  /** The refusal that was told last, once and not at every look. */
  let refusal: string | undefined;

  async function look(signal: AbortSignal): Promise<void> {
    try {
      await step(signal);
      refusal = undefined;
    } catch (error) {
      if (signal.aborted) return;
      waiting = error instanceof Error ? error.message : String(error);
      // Without a majority of replicas nothing can be read; the next look will.
      const known = isP2posError(error) ? error.code : undefined;
      log.debug(
        { action: 'update_look', code: known, error },
        'the update under way could not be taken further',
      );
      if (!known?.startsWith('RELEASE_') || waiting === refusal) return;
      refusal = waiting;
      log.warn({ action: 'update_refused', code: known, error }, 'a release is refused');
    }
  }

  async function statusOf(rollout: Rollout | undefined): Promise<UpdateStatus> {
    const manifest = rollout && (await manifestOf(rollout.manifest).catch(() => undefined));
    return {
      running,
      platform: host?.platform ?? 'unknown',
      unsupported: host
        ? (host.unsupported ?? null)
        : 'it was not started by the launcher of an installation',
      finalized: (await finalizedBy(rollout)) ?? null,
      rollout:
        rollout && manifest
          ? {
              version: manifest.version,
              channel: manifest.channel,
              expires: manifest.expires,
              state: rollout.state,
              reason: rollout.reason ?? null,
            }
          : null,
      waiting: waiting ?? null,
      nodes: nodes().map(({ peerId, name }) => {
        const version = peerId === self ? running : (presence.sighting(peerId)?.heartbeat.version ?? null);
        return { peerId, name, version };
      }),
    };
  }

  /** Asks every node itself: once all run it and none may go back, none ever does. */
  async function unfinished(version: string, signal: AbortSignal | undefined): Promise<string[]> {
    const reasons = await Promise.all(
      nodes().map(async ({ peerId, name }) => {
        const found =
          peerId === self ? await standing() : await standingOf(rpc, peerId, signal).catch(() => undefined);
        if (!found) return `${name} does not answer`;
        if (found.version !== version) return `${name} runs ${found.version}`;
        return found.onTrial ? `${name} is still on trial with it` : undefined;
      }),
    );
    return reasons.filter((reason) => reason !== undefined);
  }

  return {
    status: async (signal) => statusOf(await register.read(signal)),
    check: async (manifest, signal) => judged(manifest, await register.read(signal)),
    async apply(bytes, signal) {
      const rollout = await register.change(async (current) => {
        const manifest = await judged(bytes, current);
        const before = current && (await manifestOf(current.manifest).catch(() => undefined));
        const isFinal = current?.state === 'finalized';
        if (isFinal && before?.version === manifest.version) return undefined;
        const finalized = isFinal ? current.manifest : current?.finalized;
        return { manifest: bytes, state: 'rolling', reason: undefined, finalized };
      }, signal);
      return statusOf(rollout);
    },
    async pause(reason, signal) {
      const rollout = await register.change((current) => {
        if (!current) throw new P2posError('UPDATE_NONE');
        return current.state === 'rolling' ? { ...current, state: 'paused', reason } : undefined;
      }, signal);
      return statusOf(rollout);
    },
    async finalize(signal) {
      const rollout = await register.change(async (current) => {
        if (!current) throw new P2posError('UPDATE_NONE');
        const { version } = await manifestOf(current.manifest);
        if (current.state === 'finalized') return undefined;
        const reasons = await unfinished(version, signal);
        if (reasons.length > 0)
          throw new P2posError('UPDATE_UNFINISHED', { version, reason: reasons.join(', ') });
        return { ...current, state: 'finalized', reason: undefined };
      }, signal);
      return statusOf(rollout);
    },
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}
