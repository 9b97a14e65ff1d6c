/** What the runner knows of a scenario. */
import type { Simnet } from '../packages/node/src/testing/simnet/index.ts';

export interface ScenarioInput {
  readonly seed: number;
  readonly nodes: number;
  /** Virtual hours. */
  readonly hours: number;
  /** Times the ordinary rate of faults. */
  readonly rate: number;
  /** Operations per second of all clients together. */
  readonly load?: number;
  /** Only these kinds, as often as all together otherwise. */
  readonly faults?: readonly string[] | undefined;
  /** Per cent of the nodes that leave, and of new ones that come, in an hour. */
  readonly churn?: number;
  /** Told now and then, with the share that is done. */
  readonly progress: (share: number) => void;
  /** Told of each line of the trace. */
  readonly onTrace?: (line: string) => void;
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
    /** Default 1. */
    readonly load?: number;
    /** Default 0. */
    readonly churn?: number;
  };
  run(input: ScenarioInput): Promise<ScenarioResult>;
}
