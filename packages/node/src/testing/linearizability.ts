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

export function isLinearizable<S, I, O>(model: Model<S, I, O>, history: readonly Operation<I, O>[]): boolean {
  const operations = history.toSorted((a, b) => a.from - b.from);
  const known = operations.map(({ output }) => output !== undefined);
  const seen = new Set<string>();
  const done = new Uint8Array(operations.length);
  let left = known.filter(Boolean).length;

  function search(state: S): boolean {
    if (left === 0) return true;
    const place = `${done.join('')} ${model.name(state)}`;
    if (seen.has(place)) return false;
    seen.add(place);
    // What was answered before another was asked comes before it.
    let firstEnd = Number.POSITIVE_INFINITY;
    for (const [i, { from, to }] of operations.entries()) {
      if (from > firstEnd) break;
      if (!done[i] && known[i]) firstEnd = Math.min(firstEnd, to);
    }
    // Those of unknown outcome last: most never took effect, and most histories do not need them.
    for (const i of [...candidates(firstEnd, true), ...candidates(firstEnd, false)]) {
      const { input, output } = operations[i] as Operation<I, O>;
      const next = model.step(state, input, output);
      if (!next) continue;
      done[i] = 1;
      if (known[i]) left--;
      if (search(next.state)) return true;
      done[i] = 0;
      if (known[i]) left++;
    }
    return false;
  }

  function candidates(firstEnd: number, answered: boolean): number[] {
    const found: number[] = [];
    for (const [i, { from }] of operations.entries()) {
      if (from > firstEnd) break;
      if (!done[i] && known[i] === answered) found.push(i);
    }
    return found;
  }

  return search(model.first);
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

const UNKNOWN = '?';
const sameVersion = (a: string | null, b: string) => a === b || b === UNKNOWN;
