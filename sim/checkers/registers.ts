/** Histories of registers, each judged at the end: could it have happened one after another? */
import {
  isLinearizable,
  type Operation,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from '../../packages/node/src/testing/linearizability.ts';

export interface RegisterHistories {
  readonly counts: { done: number; unknown: number; refused: number };
  /** `output` absent: nobody knows whether it took effect. */
  add(key: string, input: RegisterInput, from: number, to: number, output?: RegisterOutput): void;
  refused(): void;
  violations(): string[];
}

export function createRegisterHistories(): RegisterHistories {
  const histories = new Map<string, Operation<RegisterInput, RegisterOutput>[]>();
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
      [...histories]
        .filter(([, history]) => !isLinearizable(registerModel, history))
        .map(
          ([key, history]) =>
            `${key}: its operations cannot be put into an order from this one on: ${JSON.stringify(firstImpossible(history))}`,
        ),
  };
}

/** The last operation of the shortest beginning that is impossible already; what had not ended by then may have had no effect. */
function firstImpossible(history: readonly Operation<RegisterInput, RegisterOutput>[]) {
  const ended = history.filter(({ output }) => output !== undefined).sort((a, b) => a.to - b.to);
  const upTo = (count: number) => {
    const end = ended[count - 1]?.to ?? 0;
    return history
      .filter(({ from }) => from <= end)
      .map(({ input, from, to, output }) =>
        to <= end && output ? { input, from, to, output } : { input, from, to: Number.POSITIVE_INFINITY },
      );
  };
  let low = 1;
  let high = ended.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isLinearizable(registerModel, upTo(middle))) low = middle + 1;
    else high = middle;
  }
  return ended[low - 1];
}
