/** What the runner knows of a scenario. */
import type { Simnet } from '../packages/node/src/testing/simnet/index.ts';

export interface ScenarioInput {
  readonly seed: number;
  readonly nodes: number;
  /** Virtual hours. */
  readonly hours: number;
  /** Times the ordinary rate of faults. */
  readonly rate: number;
  /** Per cent of the nodes that leave, and of new ones that come, in an hour. */
  readonly churn?: number;
  /** Told now and then, with the share that is done. */
  readonly progress: (share: number) => void;
  /** Breaks something that must be found. */
  readonly plant?: (sim: Simnet) => void;
}

export interface ScenarioResult {
  /** What must never be, in words; empty: all that was promised held. */
  readonly violations: readonly string[];
  /** What happened, in numbers. */
  readonly counts: Readonly<Record<string, number>>;
  /** Of everything that happened, in order. */
  readonly trace: string;
  /** Its end, for the eye. */
  readonly tail: readonly string[];
}

export interface Scenario {
  readonly summary: string;
  readonly defaults: {
    readonly nodes: number;
    readonly hours: number;
    readonly rate: number;
    readonly churn?: number;
  };
  run(input: ScenarioInput): Promise<ScenarioResult>;
}
