/** This node's own heartbeat: about every 30 s and soon after a change, in an incarnation that no other process uses. */
import { type Crypto, formatTimestamp, P2posError, parseTimestamp, type Signer } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { NodeState } from '../liveness/index.ts';
import type { Logger } from '../log/index.ts';
import type { Membership } from '../membership/index.ts';
import type { Address, Net, PeerId } from '../net/index.ts';
import { jitter, type Random } from '../random/index.ts';
import type { StorePosition } from '../store/index.ts';
import type { TaskGroup } from '../tasks/index.ts';
import { MAX_ADDRESSES, sealHeartbeat } from './heartbeat.ts';
import type { PresenceHistory } from './history.ts';
import type { Heartbeat } from './port.ts';
import { createOwnWatch } from './twin.ts';

export interface OwnHeartbeatDeps {
  readonly net: Pick<Net, 'peerId'>;
  readonly membership: Pick<Membership, 'systemId' | 'heads'>;
  readonly state: { current(): NodeState };
  readonly position: () => StorePosition;
  readonly signer: Signer;
  readonly crypto: Pick<Crypto, 'sha256'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly addresses: () => readonly Address[];
  readonly load: () => number;
  readonly disk: () => Promise<{ readonly usedBytes: number; readonly freeBytes: number }>;
  readonly history: Pick<PresenceHistory, 'nextIncarnation'>;
  readonly tasks: TaskGroup;
  readonly correctedNow: () => number;
  readonly isListed: (peerId: PeerId) => boolean;
  /** Already durable. */
  readonly firstIncarnation: number;
  readonly sealed: (heartbeat: Heartbeat, document: Uint8Array) => void;
  readonly duplicated: (error: P2posError) => void;
}

export interface OwnHeartbeat extends Disposable {
  announce(): void;
  /** One signed by our own key that this process did not send. */
  met(heartbeat: Heartbeat): void;
  incarnation(): number;
  duplicate(): P2posError | undefined;
}

/** Between a change and its heartbeat, so several changes make one. */
const SETTLE_MS = 50;
/** Between two heartbeats of this node; receivers take one a second and ten at once. */
const MIN_GAP_MS = 1_000;
/** Who found another process with its key goes on telling so for this long, so that the other finds out too. */
const FAREWELL_MS = 30_000;

export function createOwnHeartbeat(
  deps: OwnHeartbeatDeps,
  { intervalMs, version }: { readonly intervalMs: number; readonly version: string },
): OwnHeartbeat {
  const { membership, clock, random, log, tasks, isListed } = deps;
  const self = deps.net.peerId;
  const watch = createOwnWatch(clock, deps.correctedNow);
  let incarnation = deps.firstIncarnation;
  let seq = 0;
  let duplicate: P2posError | undefined;
  let disk = { usedBytes: 0, freeBytes: 0 };
  let timer: Disposable | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let sentAt = Number.NEGATIVE_INFINITY;
  let sending = false;
  let farewell: Disposable | undefined;

  function schedule(at: number): void {
    if (tasks.signal.aborted) return;
    timer?.[Symbol.dispose]();
    dueAt = at;
    timer = clock.after(Math.max(0, at - clock.monotonic()), beat);
  }
  function announce(): void {
    const at = Math.max(clock.monotonic() + SETTLE_MS, sentAt + MIN_GAP_MS);
    if (at < dueAt) schedule(at);
  }
  function beat(): void {
    schedule(clock.monotonic() + (sending ? MIN_GAP_MS : jitter(random, intervalMs)));
    if (sending || !isListed(self)) return;
    sentAt = clock.monotonic();
    sending = true;
    tasks.run('heartbeat', async () => {
      try {
        await send();
      } finally {
        sending = false;
      }
    });
  }
  async function send(): Promise<void> {
    try {
      disk = await deps.disk();
    } catch (error) {
      log.debug({ action: 'measure_disk', error }, 'disk could not be measured, the last figures are told');
    }
    const heartbeat: Heartbeat = {
      systemId: membership.systemId,
      peerId: self,
      incarnation,
      seq: ++seq,
      at: formatTimestamp(deps.correctedNow()),
      state: deps.state.current(),
      load: Math.round(Math.min(1, Math.max(0, deps.load() || 0)) * 1_000) / 1_000,
      disk: { usedBytes: Math.floor(disk.usedBytes), freeBytes: Math.floor(disk.freeBytes) },
      store: deps.position(),
      heads: membership.heads(),
      addresses: deps.addresses().slice(0, MAX_ADDRESSES),
      version,
    };
    deps.sealed(heartbeat, await sealHeartbeat(heartbeat, deps.signer, deps.crypto));
  }

  return {
    announce,
    met(heartbeat) {
      if (watch.met(parseTimestamp(heartbeat.at)) && !duplicate) {
        duplicate = new P2posError('IDENTITY_DUPLICATE', { peerId: self });
        log.error(
          {
            action: 'identity_duplicate',
            code: duplicate.code,
            peer: self,
            incarnation: heartbeat.incarnation,
          },
          'another live process uses the key of this node',
        );
        const error = duplicate;
        farewell = clock.after(FAREWELL_MS, () => deps.duplicated(error));
      }
      if (heartbeat.incarnation < incarnation) return;
      // A lost disk and a clock set back would else leave us unheard for ever.
      tasks.run('raise_incarnation', async () => {
        incarnation = await deps.history.nextIncarnation(Math.max(incarnation, heartbeat.incarnation) + 1);
        seq = 0;
        announce();
      });
    },
    duplicate: () => duplicate,
    incarnation: () => incarnation,
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]();
      farewell?.[Symbol.dispose]();
    },
  };
}
