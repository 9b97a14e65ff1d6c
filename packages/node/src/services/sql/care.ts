/**
 * Keeps each database with several voters at its number of voters: the node whose voter leads replaces one that was
 * unreachable for too long, or whose member is leaving, and removes what the catalogue no longer names (T19).
 */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { TaskGroup } from '../../core/tasks/index.ts';
import type { Catalogue, Entry, Found } from './catalogue.ts';
import type { Cluster } from './engine.ts';
import type { Hosting, Target } from './hosting.ts';

export interface CareDeps {
  readonly hosting: Pick<Hosting, 'opened'>;
  readonly catalogue: Pick<Catalogue, 'read' | 'replace'>;
  readonly membership: Pick<Membership, 'view'>;
  readonly tasks: TaskGroup;
  readonly clock: Clock;
  readonly log: Logger;
  /** Another member, prepared to join; undefined: there is none. `besides`: those that it must not be. */
  readonly recruit: (
    entry: Entry,
    besides: readonly PeerId[],
  ) => Promise<Entry['holders'][number] | undefined>;
  /** Tells its holders that the entry changed. */
  readonly notice: (entry: Entry) => void;
}

export interface CareConfig {
  readonly replaceAfterMs: number;
}

const LONGEST_ROUND_MS = 10_000;
const ASK = { timeoutMs: 5_000 };

export function takeCare(deps: CareDeps, { replaceAfterMs }: CareConfig): void {
  const { hosting, catalogue, membership, tasks, clock, log, recruit, notice } = deps;
  /** When each voter was first missed, by database and peer. */
  const missed = new Map<string, number>();

  /** Whose place shall be taken. */
  function lostOf({ entry }: Found, reachable: ReadonlySet<PeerId>): PeerId | undefined {
    const { members } = membership.view();
    return entry.holders
      .map(({ peerId }) => peerId)
      .find((peerId) => {
        const key = `${entry.id}/${peerId}`;
        const member = members.get(peerId);
        if (!member || member.draining) return true;
        if (reachable.has(peerId)) {
          missed.delete(key);
          return false;
        }
        const since = missed.get(key) ?? clock.monotonic();
        missed.set(key, since);
        return clock.monotonic() - since >= replaceAfterMs;
      });
  }

  async function replace(found: Found, cluster: Cluster, lost: PeerId | undefined): Promise<void> {
    const { entry } = found;
    const holders = entry.holders.filter(({ peerId }) => peerId !== lost);
    const staying = holders.map(({ peerId }) => peerId);
    // Its own member, with an empty disk, is better than none.
    const wishes = lost === undefined ? [staying] : [[...staying, lost], staying];
    for (const besides of wishes) {
      const recruited = await recruit(entry, besides).catch((error) => {
        if (!isP2posError(error)) throw error;
        return undefined;
      });
      if (!recruited) continue;
      const next = { ...entry, holders: [...holders, { ...recruited, joined: true }] };
      if (!(await catalogue.replace(found, next))) return;
      if (lost !== undefined) await cluster.remove(lost, ASK).catch(() => {});
      missed.delete(`${entry.id}/${lost}`);
      const fields = { action: 'sql_voter_replaced', id: entry.id, lost, joins: recruited.peerId };
      log.info(fields, 'a voter of a database is replaced');
      notice(next);
      return;
    }
    log.warn(
      { action: 'sql_voter_missing', id: entry.id, lost },
      'a voter is gone and no member can take its place',
    );
  }

  async function tend({ app, name, id }: Target, cluster: Cluster): Promise<void> {
    const voters = await cluster.voters(ASK);
    if (!voters) {
      for (const key of missed.keys()) if (key.startsWith(`${id}/`)) missed.delete(key);
      return;
    }
    const found = await catalogue.read({ app, name });
    if (found?.entry.id !== id) return;
    const { holders, wanted } = found.entry;
    const named = new Set(holders.map(({ peerId }) => peerId));
    for (const { peerId } of voters) if (!named.has(peerId)) await cluster.remove(peerId, ASK);
    const reachable = new Set(voters.filter((voter) => voter.reachable).map(({ peerId }) => peerId));
    const lost = lostOf(found, reachable);
    if (lost !== undefined || holders.length < wanted) await replace(found, cluster, lost);
  }

  tasks.every({ name: 'sql care', intervalMs: Math.min(LONGEST_ROUND_MS, replaceAfterMs / 2) }, async () => {
    for (const { target, engine } of hosting.opened()) {
      try {
        const { cluster } = await engine;
        if (cluster) await tend(target, cluster);
      } catch (error) {
        log.debug({ action: 'sql_care', id: target.id, error }, 'a database could not be looked after');
      }
    }
  });
}
