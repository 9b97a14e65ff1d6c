/** What a change or a read makes of a register's state: a pure function, run again for every ballot. */
import { equalBytes } from '@p2pos/protocol';
import type { Condition, RegisterValue } from '../port.ts';
import { type Change, type RegisterState, type RequestId, remember } from './state.ts';

export interface Wish {
  /** Null: delete. */
  readonly value: Uint8Array | null;
  readonly condition: Condition;
  readonly ttlMs: number | undefined;
  readonly request: RequestId | undefined;
}

export type Answer =
  | { readonly kind: 'value'; readonly value: RegisterValue | undefined }
  | { readonly kind: 'changed'; readonly version: string; readonly previous: RegisterValue | undefined }
  | { readonly kind: 'failed'; readonly version: string | null }
  | { readonly kind: 'reused' }
  /** An earlier ballot of this very change may have had its effect; too much has happened since to tell. */
  | { readonly kind: 'forgotten' };

export interface Verdict {
  /** To be agreed on before the answer counts; undefined: there is nothing, and that stays so. */
  readonly state: RegisterState | undefined;
  /** Another state than was found. */
  readonly isNew: boolean;
  readonly answer: Answer;
}

export interface Turn {
  readonly ballot: string;
  /** Corrected time, ms. */
  readonly now: number;
  /** Ballots under which this change was proposed before, and what each would have replaced. */
  readonly own: ReadonlyMap<string, RegisterValue | undefined>;
}

/** As a register is agreed on, its deletion too. */
export type Agreed = Omit<RegisterValue, 'value'> & {
  /** Null: deleted or expired, under that version. */
  readonly value: Uint8Array | null;
};

export function agreedOf(state: RegisterState | undefined): Agreed | undefined {
  if (!state) return undefined;
  const { value, version, expiresAt } = state;
  return { value, version, ...(expiresAt !== undefined && { expiresAt }) };
}

/** What a register holds at that time. */
export function liveOf(state: RegisterState | undefined, now: number): RegisterValue | undefined {
  if (!state || state.value === null || isExpired(state, now)) return undefined;
  const { value, version, expiresAt } = state;
  return { value, version, ...(expiresAt !== undefined && { expiresAt }) };
}

export function isExpired({ expiresAt }: RegisterState, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** @param wish Undefined: a read. */
export function decide(state: RegisterState | undefined, wish: Wish | undefined, turn: Turn): Verdict {
  const live = liveOf(state, turn.now);
  if (!wish) return keep(state, { kind: 'value', value: live }, turn);
  const before = state && repeated(state, wish, turn);
  if (before) return keep(state, before, turn);
  const { condition, value, request } = wish;
  const holds =
    condition.kind === 'any' ||
    (condition.kind === 'absent' ? live === undefined : live?.version === condition.version);
  if (!holds) return keep(state, { kind: 'failed', version: live?.version ?? null }, turn);
  const answer: Answer = { kind: 'changed', version: turn.ballot, previous: live };
  // Nothing is there and nothing shall be, and no repeat needs to be told so.
  if (value === null && !live && !request) {
    return keep(state, { ...answer, version: state?.version ?? turn.ballot }, turn);
  }
  const change = { version: turn.ballot, request, previous: request && live };
  return { state: next(state, value, wish.ttlMs, change, turn), isNew: true, answer };
}

/** The state as it is; what has expired goes for good, so that no other clock finds it alive again. */
function keep(state: RegisterState | undefined, answer: Answer, turn: Turn): Verdict {
  if (!state || state.value === null || !isExpired(state, turn.now)) return { state, isNew: false, answer };
  const change = { version: turn.ballot, request: undefined, previous: undefined };
  return { state: next(state, null, undefined, change, turn), isNew: true, answer };
}

function next(
  state: RegisterState | undefined,
  value: Uint8Array | null,
  ttlMs: number | undefined,
  change: Change,
  { ballot, now }: Turn,
): RegisterState {
  const expiresAt = value !== null && ttlMs !== undefined ? now + ttlMs : undefined;
  return { version: ballot, value, expiresAt, ...remember(state, change, value) };
}

/** The outcome of this very change, where it had its effect already. */
function repeated({ changes, whole }: RegisterState, { request }: Wish, { own }: Turn): Answer | undefined {
  for (const { version, request: other, previous } of changes) {
    if (own.has(version)) return { kind: 'changed', version, previous: own.get(version) };
    if (!request || !other || !equalBytes(request.id, other.id)) continue;
    return equalBytes(request.body, other.body) ? { kind: 'changed', version, previous } : { kind: 'reused' };
  }
  const oldest = changes.at(-1)?.version ?? '';
  return !whole && own.keys().some((ballot) => ballot < oldest) ? { kind: 'forgotten' } : undefined;
}
