/** What all kinds of faults work on. */
import type { SeededRandom } from '../../../packages/node/src/testing/seeded-random.ts';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import type { Wounds } from '../wounds.ts';

export interface Ground {
  readonly sim: Simnet;
  readonly random: SeededRandom;
  readonly wounds: Wounds;
  /** All is to be well again: nothing new may be done to it. */
  isOver(): boolean;
  /** At the next step that is no earlier. */
  later(ms: number, run: () => Promise<void> | void): void;
  /** When all are up again in the end. */
  lastly(run: () => Promise<unknown>): void;
  /** Tried again until it comes up. */
  start(i: number): Promise<void>;
  count(what: string): void;
}

/** Does it to a node; answers whether there was anything to do. */
export type Fault = (i: number) => Promise<boolean> | boolean;

/** How long most of it lasts, ms. */
export const short = (random: SeededRandom): number => 2_000 + random.float() * 58_000;

export const othersThan = ({ sim }: Ground, i: number): number[] =>
  Array.from({ length: sim.nodes.length }, (_, j) => j).filter((j) => j !== i);
