/**
 * Whether a history of operations on one object could have happened one after another, each between its call and its
 * answer (Herlihy & Wing 1990), by the search of Wing & Gong (1993) with Lowe's memo of places reached (2017).
 *
 * @example
 * isLinearizable(counter, [{ input: 'add', output: 1, from: 0, to: 5 }, { input: 'read', output: 1, from: 6, to: 7 }]);
 */

export interface Operation<I, O> {
  readonly input: I;
  /** Absent: nobody knows whether it took effect, then or later. */
  readonly output?: O;
  readonly from: number;
  readonly to: number;
}

/** A sequential object. `step` answers what it is after the operation; undefined: this output cannot be. */
export interface Model<S, I, O> {
  readonly first: S;
  /** The same text for the same state. */
  name(state: S): string;
  step(state: S, input: I, output: O | undefined): { readonly state: S } | undefined;
}

/**
 * The search of a history that cannot have happened may take for ever (Gibbons & Korach 1997); those that can are found after a
 * few thousand places. One that is not explained after so many counts as one that cannot.
 */
const MAX_PLACES = 100_000;

export function isLinearizable<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[]): boolean {
  const byStart = history.toSorted((a, b) => a.from - b.from);
  const known = byStart.filter(({ output }) => output !== undefined);
  // Those of unknown outcome that ask the same can stand for one another: the earliest goes first.
  const alike = Object.groupBy(
    byStart.filter(({ output }) => output === undefined),
    ({ input }) => JSON.stringify(input),
  );
  const unknown = Object.values(alike) as Operation<I, O>[][];
  const seen = new Set<string>();
  const done = new Uint8Array(known.length);
  const used = new Uint16Array(unknown.length);

  /** @param low All known ones before it are done. */
  function search(state: S, low: number): boolean {
    while (low < known.length && done[low]) low++;
    if (low === known.length) return true;
    // What was answered before another was asked comes before it.
    let firstEnd = Number.POSITIVE_INFINITY;
    let high = low;
    for (; high < known.length; high++) {
      const { from, to } = known[high] as Operation<I, O>;
      if (from > firstEnd) break;
      if (!done[high]) firstEnd = Math.min(firstEnd, to);
    }
    const place = `${low} ${done.subarray(low, high).join('')} ${used.join()} ${model.name(state)}`;
    if (seen.has(place) || seen.size >= MAX_PLACES) return false;
    seen.add(place);
    for (let i = low; i < high; i++) {
      const { input, output, from } = known[i] as Operation<I, O>;
      if (done[i] || from > firstEnd) continue;
      const next = model.step(state, input, output);
      if (!next) continue;
      done[i] = 1;
      if (search(next.state, low)) return true;
      done[i] = 0;
    }
    // Those of unknown outcome last: most never took effect, and most histories do not need them.
    for (const [i, same] of unknown.entries()) {
      const next = same[used[i] as number];
      if (!next || next.from > firstEnd) continue;
      const after = model.step(state, next.input, undefined);
      // One without an effect here is as good as never made.
      if (!after || model.name(after.state) === model.name(state)) continue;
      used[i] = (used[i] as number) + 1;
      if (search(after.state, low)) return true;
      used[i] = (used[i] as number) - 1;
    }
    return false;
  }

  return search(model.first, 0);
}

/** A register with conditions: what is there is a version and a value. */
export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'change'; readonly value: string | null; readonly expect: string | 'absent' | 'any' };
/** `version`: of what was read or made; null: nothing there. `failed`: the condition did not hold. */
export type RegisterOutput =
  | { readonly version: string | null; readonly value: string | null }
  | { readonly failed: true };
type RegisterState = { readonly version: string; readonly value: string } | null;

/** Of a change whose outcome is unknown the version is unknown too, so values must be distinct. */
export const registerModel: Model<RegisterState, RegisterInput, RegisterOutput> = {
  first: null,
  name: (state) => (state ? `${state.version} ${state.value}` : ''),
  step(state, input, output) {
    if (input.kind === 'read') {
      if (!output || 'failed' in output) return output ? undefined : { state };
      const fits = state
        ? output.value === state.value && sameVersion(output.version, state.version)
        : output.version === null;
      if (!fits) return undefined;
      return { state: state && output.version !== null ? { ...state, version: output.version } : state };
    }
    const holds =
      input.expect === 'any' ||
      (input.expect === 'absent' ? !state : !!state && sameVersion(input.expect, state.version));
    if (output && 'failed' in output) return holds && state?.version !== UNKNOWN ? undefined : { state };
    if (!holds) return output ? undefined : { state };
    if (input.value === null) return { state: null };
    return { state: { version: output?.version ?? UNKNOWN, value: input.value } };
  },
};

/** Values of unknown outcome that nobody ever saw are one to the checker, which has less to try then. */
export function withoutUnseen(
  history: readonly Operation<RegisterInput, RegisterOutput>[],
): Operation<RegisterInput, RegisterOutput>[] {
  const seen = new Set(history.map(({ output }) => (output && 'value' in output ? output.value : null)));
  return history.map((operation) => {
    const { input, output } = operation;
    if (output || input.kind === 'read' || input.value === null || seen.has(input.value)) return operation;
    return { ...operation, input: { ...input, value: 'unseen' } };
  });
}

const UNKNOWN = '?';
const sameVersion = (a: string | null, b: string) => a === b || b === UNKNOWN;
