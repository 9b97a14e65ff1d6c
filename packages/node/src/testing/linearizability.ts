/**
 * Whether what clients saw of one register with conditions is linearizable, and whether its versions are what they are promised to
 * be: each of one value alone, and growing with every change.
 *
 * @example
 * const fault = registerFault([
 *   { input: { kind: 'change', value: 'a', expect: 'absent' }, output: { version: '1', value: 'a' }, from: 0, to: 5 },
 *   { input: { kind: 'read' }, output: { version: '1', value: 'a' }, from: 6, to: 7 },
 * ]);
 */
import { linearize, type Model, type Operation } from './linearizability-search.ts';

/** Values must be distinct, for of a change without an answer they are all that is known. */
export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'change'; readonly value: string | null; readonly expect: string | 'absent' | 'any' };

/**
 * `version`: of what was read or made; null: nothing there. `failed`: the condition did not hold, because of that version where
 * it was told.
 */
export type RegisterOutput =
  | { readonly version: string | null; readonly value: string | null }
  | { readonly failed: true; readonly version?: string | null | undefined };

export type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** Undefined: it could have been so. */
export function registerFault(history: readonly RegisterOperation[]): string | undefined {
  const seen = seenIn(history);
  if ('fault' in seen) return seen.fault;
  const verdict = linearize(modelOf(seen), inferred(history, seen));
  if (verdict.kind === 'possible') return undefined;
  const found =
    verdict.kind === 'impossible'
      ? 'its operations have no order'
      : 'its operations have too many orders to try';
  return `${found}, from this one on: ${JSON.stringify(verdict.at)}`;
}

interface Seen {
  /** Null: a deletion. */
  readonly values: ReadonlyMap<string, string | null>;
  readonly versions: ReadonlyMap<string, string>;
  /** When it was known to be there. */
  readonly ends: ReadonlyMap<string, number>;
}

/** Which versions and values belong together by all that was answered, or why they cannot. */
function seenIn(history: readonly RegisterOperation[]): Seen | { readonly fault: string } {
  const values = new Map<string, string | null>();
  const versions = new Map<string, string>();
  const ends = new Map<string, number>();
  for (const { output, to } of history) {
    if (!output || 'failed' in output || output.version === null) continue;
    const { version, value } = output;
    const other = values.get(version);
    if (other !== undefined && other !== value)
      return { fault: `the version ${version} is that of ${other} and of ${value}` };
    values.set(version, value);
    if (value === null) continue;
    const twin = versions.get(value);
    if (twin !== undefined && twin !== version)
      return { fault: `${value} has the versions ${twin} and ${version}` };
    versions.set(value, version);
    ends.set(value, Math.min(to, ends.get(value) ?? to));
  }
  return { values, versions, ends };
}

/** A change without an answer whose value somebody read had its effect by then; values that nobody read are one. */
function inferred(history: readonly RegisterOperation[], { versions, ends }: Seen): RegisterOperation[] {
  return history.map((operation) => {
    const { input, output, from } = operation;
    if (output || input.kind === 'read' || input.value === null) return operation;
    const { value } = input;
    const version = versions.get(value);
    if (version === undefined) return { ...operation, input: { ...input, value: 'unseen' } };
    return { input, output: { version, value }, from, to: ends.get(value) ?? Number.POSITIVE_INFINITY };
  });
}

interface RegisterState {
  /** Null: nothing there. UNKNOWN: of a value that nobody read. */
  readonly version: string | null;
  readonly value: string | null;
  /** The greatest so far. */
  readonly floor: string;
}

const UNKNOWN = '?';

function modelOf({ values }: Seen): Model<RegisterState, RegisterInput, RegisterOutput> {
  const isOf = (version: string | null, { version: held }: RegisterState) =>
    version === held || (held === UNKNOWN && version !== null && !values.has(version));
  return {
    first: { version: null, value: null, floor: '' },
    name: ({ version, value, floor }) => `${version} ${value} ${floor}`,
    isReading: ({ kind }, output) => kind === 'read' || (output !== undefined && 'failed' in output),
    // Versions grow.
    isOver: (input, { version, floor }) =>
      input.kind === 'change' &&
      values.has(input.expect) &&
      input.expect <= floor &&
      input.expect !== version,
    covers: (one, other) =>
      one.kind === 'change' && other.kind === 'change' && one.expect === 'any' && one.value === other.value,
    step(state, input, output) {
      const told = output?.version;
      if (input.kind === 'read' || (output && 'failed' in output)) {
        if (!output) return { state };
        if (told !== undefined && !isOf(told, state)) return undefined;
        if ('value' in output && output.value !== state.value) return undefined;
        // Of those that nobody read the version tells which it is.
        const after = told ? { ...state, version: told, floor: told } : state;
        if (after.floor < state.floor) return undefined;
        if (input.kind === 'change' && surelyHolds(input.expect, after)) return undefined;
        return { state: after };
      }
      const { value, expect } = input;
      const holds = expect === 'any' || (expect === 'absent' ? state.version === null : isOf(expect, state));
      if (!holds) return output ? undefined : { state };
      // What is not there stays so, and its version is nobody's.
      if (value === null && state.version === null) return { state };
      if (told && told <= state.floor) return undefined;
      const floor = told ?? state.floor;
      return { state: { version: value === null ? null : (told ?? UNKNOWN), value, floor } };
    },
  };
}

function surelyHolds(expect: string, { version }: RegisterState): boolean {
  return expect === 'any' || (expect === 'absent' ? version === null : expect === version);
}
