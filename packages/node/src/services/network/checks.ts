/** The checks that every node has; other parts register theirs beside them. */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import { CLOCK_WARN_MS } from '../../core/liveness/index.ts';
import type { Presence } from '../../core/presence/index.ts';
import type { Store } from '../../core/store/index.ts';
import type { Check } from './health.ts';
import type { Network } from './network.ts';

/** What the records say of their own keeping. */
export interface RecordsStanding {
  standing(): 'unproven' | 'voter' | 'learner';
  heldBackBy(): readonly string[];
  hintsFor(): readonly string[];
}

export interface NodeChecksDeps {
  readonly records: RecordsStanding;
  readonly network: Pick<Network, 'status'>;
  readonly store: Pick<Store, 'migrate' | 'read' | 'write'>;
  readonly presence: Pick<Presence, 'duplicate'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

export function createNodeChecks({ network, store, presence, clock, records }: NodeChecksDeps): Check[] {
  return [
    createStoreCheck(store, clock),
    createRecordsCheck(records),
    {
      name: 'identity',
      run() {
        const duplicate = presence.duplicate();
        if (duplicate) return { status: 'failing', detail: duplicate.message };
        return { status: 'ok', detail: 'No other process uses the key of this node.' };
      },
    },
    {
      name: 'membership',
      run() {
        const { state, reason = '', members } = network.status();
        if (state === 'unconfigured') return { status: 'degraded', detail: reason };
        return { status: 'ok', detail: `This node is one of ${members} members.` };
      },
    },
    {
      name: 'majority',
      run() {
        const { state, reason = '', online, members } = network.status();
        if (state === 'degraded') return { status: 'degraded', detail: reason };
        return { status: 'ok', detail: `${online} of ${members} members are online.` };
      },
    },
    {
      name: 'clock',
      run() {
        const offsetMs = Math.round(network.status().clockOffsetMs);
        const detail = `The members' clocks are ${offsetMs} ms from this one.`;
        if (Math.abs(offsetMs) <= CLOCK_WARN_MS) return { status: 'ok', detail };
        return { status: 'degraded', detail: `${detail} Set this machine's clock, with NTP for instance.` };
      },
    },
  ];
}

function createRecordsCheck({ standing, heldBackBy, hintsFor }: RecordsStanding): Check {
  return {
    name: 'records',
    run() {
      if (standing() === 'learner') {
        const detail =
          'The disk of this node is new or an old copy: it takes part in no majority until it has caught up with the others. If all replicas lost their disks at once: p2pctl members accept-loss';
        return { status: 'degraded', detail };
      }
      const holding = heldBackBy();
      if (holding.length > 0) {
        const detail = `Old deletions cannot be forgotten, because these members are away or hold what belongs to others: ${holding.join(', ')}. Bring them back, or remove them: p2pctl members remove`;
        return { status: 'degraded', detail };
      }
      const waiting = hintsFor().length;
      if (waiting > 0)
        return { status: 'ok', detail: `Writes wait here for ${waiting} members that missed them.` };
      return { status: 'ok', detail: 'The replicas of this node count, and nothing waits for others.' };
    },
  };
}

const MIGRATIONS = ['CREATE TABLE health_probe (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL)'];
/** Anyone on this machine may ask; that must not cost a commit each time. */
const WRITE_EVERY_MS = 10_000;

function createStoreCheck(store: NodeChecksDeps['store'], clock: NodeChecksDeps['clock']): Check {
  let prepared = false;
  let last: { readonly at: number; readonly full: boolean } | undefined;

  async function write(): Promise<boolean> {
    try {
      if (!prepared) await store.migrate('health', MIGRATIONS);
      prepared = true;
      await store.write([
        {
          sql: 'INSERT INTO health_probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at',
          params: [clock.now()],
        },
      ]);
      return false;
    } catch (error) {
      if (isP2posError(error, 'STORE_FULL')) return true;
      throw error;
    }
  }

  return {
    name: 'store',
    async run() {
      await store.read('SELECT 1 AS one');
      if (!last || clock.monotonic() - last.at >= WRITE_EVERY_MS) {
        last = { at: clock.monotonic(), full: await write() };
      }
      if (!last.full) return { status: 'ok', detail: 'The database takes writes.' };
      return {
        status: 'degraded',
        detail:
          'The disk is full: writes are refused, reads go on. Free space, or let another node take over.',
      };
    },
  };
}
