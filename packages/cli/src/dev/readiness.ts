/** When a development system is ready: every node that should run answers, and calls itself healthy. */
import { P2posError, sleep } from '@p2pos/protocol';
import type { Clock } from '../clock.ts';
import type { SupervisedNode } from './supervisor.ts';

const POLL_MS = 100;
/** A node that failed so often in a row is not waited for. */
const GIVE_UP_AFTER = 2;
/** Healthy nodes that do not see all others yet are waited for so long. */
const COMPLETE_WITHIN_MS = 10_000;

export interface NodeView {
  readonly state: 'unconfigured' | 'degraded' | 'healthy';
  readonly members: number;
  readonly online: number;
}

export interface ReadinessDeps {
  readonly clock: Clock;
  readonly nodes: () => readonly SupervisedNode[];
  readonly probe: (node: SupervisedNode) => Promise<NodeView>;
  /** A node that a snapshot has only just named: it has to become a member. */
  readonly joining?: string | undefined;
  /** What is being waited for, whenever that changes. */
  readonly report: (text: string) => void;
}

/** Resolves with the nodes that do not run. NODE_START_FAILED when too few start for anything to work. */
export async function whenReady(deps: ReadinessDeps, signal: AbortSignal): Promise<SupervisedNode[]> {
  let reported = '';
  let healthySince: number | undefined;
  for (;;) {
    const nodes = deps.nodes().filter(({ state }) => state !== 'stopped' && state !== 'stopping');
    const failing = nodes.filter(({ state, failures }) => state === 'dead' || failures >= GIVE_UP_AFTER);
    const pending = nodes.filter((node) => node.state !== 'running' && !failing.includes(node));
    const running = nodes.filter(({ state }) => state === 'running');
    const [broken] = failing;
    if (broken && pending.length === 0 && running.length * 2 <= nodes.length) {
      const { name, reason } = broken;
      throw new P2posError('NODE_START_FAILED', {
        name,
        reason: reason ?? 'it ended',
        next: 'p2pctl dev --fresh',
      });
    }
    let text = `waiting for ${names(pending)} to start`;
    if (pending.length === 0) {
      const waiting = await lookAt(running, deps);
      const isHealthy = waiting.every(({ isHealthy }) => isHealthy);
      healthySince = isHealthy ? (healthySince ?? deps.clock.now()) : undefined;
      const isLate = healthySince !== undefined && deps.clock.now() - healthySince > COMPLETE_WITHIN_MS;
      if (waiting.length === 0 || isLate) return failing;
      text = `waiting for ${waiting.map(({ text }) => text).join(', ')}`;
    }
    if (text !== reported) deps.report(text);
    reported = text;
    await sleep(deps.clock, POLL_MS, { signal });
  }
}

interface Waiting {
  readonly isHealthy: boolean;
  readonly text: string;
}

async function lookAt(
  running: readonly SupervisedNode[],
  { probe, joining }: ReadinessDeps,
): Promise<Waiting[]> {
  const looks = running.map(async (node): Promise<Waiting | undefined> => {
    const view = await probe(node).catch(() => undefined);
    if (!view) return { isHealthy: false, text: `${node.name} to answer` };
    // An operator may have removed it from the membership: that is no failure of this start.
    if (view.state === 'unconfigured' && view.members > 0 && node.name !== joining) return undefined;
    // Too few run for a majority, by the operator's own choice: degraded is what can be had.
    const isPossible = running.length * 2 > view.members;
    const isHealthy = view.state === 'healthy' || (view.state === 'degraded' && !isPossible);
    if (!isHealthy)
      return { isHealthy, text: `${node.name} (${view.state}, ${view.online} of ${view.members} online)` };
    const isComplete = view.online >= Math.min(running.length, view.members);
    return isComplete
      ? undefined
      : { isHealthy, text: `${node.name} to see all (${view.online} of ${view.members})` };
  });
  return (await Promise.all(looks)).filter((waiting) => waiting !== undefined);
}

function names(nodes: readonly SupervisedNode[]): string {
  return nodes.map(({ name }) => name).join(', ');
}
