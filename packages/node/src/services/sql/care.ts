/**
 * Keeps each database as its entry says. The node whose voter leads replaces one that was unreachable for too long or whose
 * member is leaving, adds and removes voters and readers, and removes what the catalogue no longer names (T19). The leader's
 * node, or the one holder, makes the backups that are due, and lets writes go on where a move was never finished.
 */
import { isP2posError } from '@p2pos/protocol';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Membership } from '../../core/membership/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { TaskGroup } from '../../core/tasks/index.ts';
import type { Backups } from './backups.ts';
import type { Catalogue, Entry, Found } from './catalogue.ts';
import type { Cluster, Engine } from './engine.ts';
import type { Hosting, Target } from './hosting.ts';

export interface CareDeps {
  readonly self: PeerId;
  readonly hosting: Pick<Hosting, 'opened'>;
  readonly catalogue: Pick<Catalogue, 'read' | 'replace'>;
  readonly membership: Pick<Membership, 'view'>;
  readonly tasks: TaskGroup;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: this node holds no databases. */
  readonly backups: Backups | undefined;
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
/** Longer than a move takes. */
const MOVE_MS = 10 * 60_000;

export function takeCare(deps: CareDeps, { replaceAfterMs }: CareConfig): void {
  const { self, hosting, catalogue, membership, tasks, clock, log, backups, recruit, notice } = deps;
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

  /** One more, in the place of `lost` where one is. */
  async function add(
    found: Found,
    cluster: Cluster,
    lost: PeerId | undefined,
    reads: boolean,
  ): Promise<void> {
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
      const joining = { ...recruited, joined: true, ...(reads && { reader: true }) };
      const next = { ...entry, holders: [...holders, joining] };
      if (!(await catalogue.replace(found, next))) return;
      if (lost !== undefined) await cluster.remove(lost, ASK).catch(() => {});
      missed.delete(`${entry.id}/${lost}`);
      const fields = { action: 'sql_voter_replaced', id: entry.id, lost, joins: recruited.peerId, reads };
      log.info(fields, 'a holder of a database is replaced or added');
      notice(next);
      return;
    }
    log.warn(
      { action: 'sql_voter_missing', id: entry.id, lost },
      'a voter is gone and no member can take its place',
    );
  }

  /** Those that the catalogue no longer names leave the group in the next round. */
  async function dismiss(found: Found, peerId: PeerId): Promise<void> {
    const { entry } = found;
    const next = { ...entry, holders: entry.holders.filter((holder) => holder.peerId !== peerId) };
    if (await catalogue.replace(found, next)) notice(entry);
  }

  async function tend(found: Found, cluster: Cluster): Promise<void> {
    const voters = await cluster.voters(ASK);
    if (!voters) return;
    const { holders, wanted, readers: wantedReaders = 0 } = found.entry;
    const named = new Set(holders.map(({ peerId }) => peerId));
    for (const { peerId } of voters) if (!named.has(peerId)) await cluster.remove(peerId, ASK);
    const reachable = new Set(voters.filter((voter) => voter.reachable).map(({ peerId }) => peerId));
    const lost = lostOf(found, reachable);
    const reading = holders.filter(({ reader }) => reader === true);
    const voting = holders.filter(({ reader }) => reader !== true);
    if (lost !== undefined)
      return add(
        found,
        cluster,
        lost,
        reading.some(({ peerId }) => peerId === lost),
      );
    if (voting.length < wanted) return add(found, cluster, undefined, false);
    // One at a time, and only while all the others are there.
    const spare = voting.findLast(({ peerId }) => peerId !== self);
    if (voting.length > wanted && spare && voting.every(({ peerId }) => reachable.has(peerId)))
      return dismiss(found, spare.peerId);
    if (reading.length < wantedReaders) return add(found, cluster, undefined, true);
    const last = reading.at(-1);
    if (reading.length > wantedReaders && last) return dismiss(found, last.peerId);
  }

  /** A move that was never finished: what it filled is dropped, and writes go on. */
  async function unfence(found: Found, engine: Engine): Promise<void> {
    const { next, ...before } = found.entry;
    if (next && clock.now() - next.since < MOVE_MS) return;
    if (next && !(await catalogue.replace(found, before))) return;
    await engine.fence(false, ASK);
    log.warn({ action: 'sql_move_undone', id: before.id }, 'a move that was not finished is undone');
  }

  async function lookAfter({ app, name, id }: Target, engine: Engine): Promise<void> {
    const { cluster } = engine;
    if (cluster && engine.leader() !== self) {
      for (const key of missed.keys()) if (key.startsWith(`${id}/`)) missed.delete(key);
      return;
    }
    // Before the entry is read: whoever raises it has changed the entry before.
    const isFenced = await engine.isFenced(ASK);
    const found = await catalogue.read({ app, name });
    if (found?.entry.id !== id) return;
    if (isFenced || found.entry.next) await unfence(found, engine);
    if (cluster) await tend(found, cluster);
    await backups?.makeDue(found.entry, engine);
  }

  tasks.every({ name: 'sql care', intervalMs: Math.min(LONGEST_ROUND_MS, replaceAfterMs / 2) }, async () => {
    for (const { target, engine } of hosting.opened()) {
      try {
        await lookAfter(target, await engine);
      } catch (error) {
        log.debug({ action: 'sql_care', id: target.id, error }, 'a database could not be looked after');
      }
    }
  });
}
