/**
 * What clients are told: that a node refuses is no broken promise, for a while; that a key is refused by every member asked, for far
 * longer than most faults last, is one.
 */
import { P2posError } from '@p2pos/protocol';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import { isListed } from '../wounds.ts';
import type { At } from './plain.ts';

export interface Served {
  /** One request through this node. Without a key: what needs them all, and may be refused for as long as one of them is. */
  ask<T>(at: At, what: string, key: string | undefined, work: () => Promise<T>): Promise<T>;
  /** Of those through members. */
  readonly counts: { readonly served: number; readonly 'not served': number };
}

/** Twice as long as anything that goes wrong. */
const LIMIT_MS = 1_800_000;
const MIN_REFUSALS = 5;
const MIN_NODES = 3;

interface Silence {
  readonly since: number;
  readonly nodes: Set<number>;
  refusals: number;
}

export function createServed(sim: Simnet, broken: (violation: string) => void): Served {
  const silences = new Map<string, Silence>();
  const counts = { served: 0, 'not served': 0 };

  function refused(key: string, i: number): void {
    counts['not served']++;
    const now = sim.clock.monotonic();
    const silence = silences.get(key) ?? { since: now, nodes: new Set(), refusals: 0 };
    silences.set(key, silence);
    silence.nodes.add(i);
    silence.refusals++;
    const { since, nodes, refusals } = silence;
    if (now - since < LIMIT_MS || nodes.size < MIN_NODES || refusals < MIN_REFUSALS) return;
    silences.delete(key);
    broken(`${key}: refused ${refusals} times by ${nodes.size} members since ${since.toFixed(0)}`);
  }

  return {
    counts,
    async ask({ i }, what, key, work) {
      try {
        const answer = await work();
        counts.served++;
        if (key !== undefined) silences.delete(key);
        return answer;
      } catch (error) {
        if (!(error instanceof P2posError)) throw error;
        sim.trace.add(`node${i} refused ${what}${key === undefined ? '' : ` ${key}`} ${error.code}`);
        if (key !== undefined && error.code === 'CAS_CONDITION_FAILED') silences.delete(key);
        else if (key !== undefined && isListed(sim, i)) refused(key, i);
        throw error;
      }
    },
  };
}
