/** Histories of registers, each judged at the end: could it have happened one after another? */
import {
  type RegisterInput,
  type RegisterOperation,
  type RegisterOutput,
  registerFault,
} from '../../packages/node/src/testing/linearizability.ts';

export interface RegisterHistories {
  readonly counts: { done: number; unknown: number; refused: number };
  /** `output` absent: nobody knows whether it took effect. */
  add(key: string, input: RegisterInput, from: number, to: number, output?: RegisterOutput): void;
  refused(): void;
  violations(): string[];
}

export function createRegisterHistories(): RegisterHistories {
  const histories = new Map<string, RegisterOperation[]>();
  const counts = { done: 0, unknown: 0, refused: 0 };
  return {
    counts,
    add(key, input, from, to, output) {
      let history = histories.get(key);
      if (!history) {
        history = [];
        histories.set(key, history);
      }
      if (output) counts.done++;
      else counts.unknown++;
      history.push({ input, from, to: output ? to : Number.POSITIVE_INFINITY, ...(output && { output }) });
    },
    refused: () => void counts.refused++,
    violations: () =>
      [...histories].flatMap(([key, history]) => {
        const fault = registerFault(history);
        return fault === undefined ? [] : [`${key}: ${fault}`];
      }),
  };
}
