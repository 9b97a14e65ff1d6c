/** What clients of the system did and were told, one line each, and whether it may have been so. */

import { type RegisterOperation, registerFault } from '../../packages/node/src/testing/linearizability.ts';

/** Plain keys that each writer has, and registers that all share. */
export const KEYS_EACH = 12;
export const REGISTERS = 16;

/**
 * One operation on a key. `unknown`: no answer, or one that says that it may have happened. Times are milliseconds of
 * one clock for all writers.
 */
export interface Operation {
  readonly writer: number;
  readonly key: string;
  readonly kind: 'put' | 'delete' | 'get' | 'cas-put' | 'cas-delete' | 'cas-get';
  /** Of a put what was written, of a get what was read; absent: nothing there. */
  readonly value?: string | undefined;
  /** Of what was read, or was given to what was written. */
  readonly version?: string | undefined;
  /** Of a change of a register: the version that must be there, or `absent`. Done with the code CAS_CONDITION_FAILED: it was not. */
  readonly expect?: string | undefined;
  /** What was there instead; null: nothing. */
  readonly there?: string | null | undefined;
  readonly from: number;
  readonly to: number;
  readonly outcome: 'done' | 'refused' | 'unknown';
  readonly code?: string | undefined;
}

export interface Verdict {
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly reads: number;
  /** Operations on registers with a known outcome. */
  readonly registers: number;
}

/**
 * Each key has one writer, whose operations follow one another, and many readers. So all that a key ever was has an order, and
 * a read must show what was written last before it began, or is shown by a read that ended before it began, or something later.
 */
export function judge(history: readonly Operation[]): Verdict {
  const violations: string[] = [];
  const ofRegisters = history.filter(({ kind }) => kind.startsWith('cas-'));
  const byKey = Map.groupBy(
    history.filter(({ kind }) => !kind.startsWith('cas-')),
    ({ key }) => key,
  );
  for (const [key, operations] of Map.groupBy(ofRegisters, (one) => one.key)) {
    const fault = registerFault(operations.flatMap(registerOperation));
    if (fault) violations.push(`${key}: ${fault}`);
  }
  for (const [key, operations] of byKey) {
    violations.push(...faultsOf(key, operations));
  }
  const count = (outcome: Operation['outcome']) =>
    history.filter((one) => ['put', 'delete'].includes(one.kind) && one.outcome === outcome).length;
  return {
    violations,
    acknowledged: count('done'),
    unknown: count('unknown'),
    refused: count('refused'),
    registers: ofRegisters.filter(({ outcome }) => outcome === 'done').length,
    reads: history.filter(({ kind, outcome }) => kind === 'get' && outcome === 'done').length,
  };
}

/** As the checker of linearizability takes it; nothing where it surely did not happen. */
function registerOperation(one: Operation): RegisterOperation[] {
  const { kind, value = null, version = null, expect = 'any', there, from, to, outcome, code } = one;
  if (outcome === 'refused') return [];
  if (kind === 'cas-get') {
    // A read nobody knows the answer of says nothing.
    return outcome === 'done' ? [{ input: { kind: 'read' }, output: { version, value }, from, to }] : [];
  }
  const input = { kind: 'change', value, expect } as const;
  if (outcome === 'unknown') return [{ input, from, to: Number.POSITIVE_INFINITY }];
  return [
    { input, output: code === undefined ? { version, value } : { failed: true, version: there }, from, to },
  ];
}

const shown = ({ kind, value }: Operation) => (kind === 'put' ? value : undefined);

function faultsOf(key: string, operations: readonly Operation[]): string[] {
  const found: string[] = [];
  const writes = operations.filter(({ kind }) => kind !== 'get').toSorted((a, b) => a.from - b.from);
  const places = new Map(writes.map((write, i) => [write, i]));
  const done = operations.filter(({ outcome }) => outcome === 'done').toSorted((a, b) => a.from - b.from);
  const ended = done.toSorted((a, b) => a.to - b.to);
  /** What each read showed at least; -1: what was there before all writes. */
  const showed = new Map<Operation, number>();
  let floor = -1;
  let greatest = '';
  let next = 0;
  for (const one of done) {
    for (; (ended[next]?.to ?? Number.POSITIVE_INFINITY) < one.from; next++) {
      const before = ended[next] as Operation;
      floor = Math.max(floor, places.get(before) ?? showed.get(before) ?? -1);
      if ((before.version ?? '') > greatest) greatest = before.version ?? '';
    }
    if (one.kind !== 'get') {
      if (one.version !== undefined && one.version <= greatest)
        found.push(`${key}: ${one.version} was given although ${greatest} was known before`);
      continue;
    }
    const who = `${key}: writer ${one.writer} read ${one.value} at ${one.from}`;
    const possible = writes.filter(
      (write, i) => i >= floor && write.outcome !== 'refused' && write.from <= one.to,
    );
    const which = possible.find((write) => shown(write) === one.value);
    const never = floor < 0 && one.value === undefined;
    if (!which && !never) found.push(`${who}, may be ${possible.map(shown).join(' | ') || 'nothing'}`);
    else if (one.version !== undefined && one.version < greatest)
      found.push(`${who} as ${one.version} after ${greatest} had been read or given`);
    else if (one.version !== undefined && which?.version !== undefined && one.version > which.version)
      found.push(`${who} as ${one.version}, written as ${which.version}`);
    showed.set(one, never ? -1 : ((which && places.get(which)) ?? floor));
  }
  return found;
}

/** What one node tells when all is well and nobody writes any more. */
export interface Look {
  readonly node: number;
  /** Reads of every key. */
  readonly reads: readonly Operation[];
  /** All plain keys that it lists. */
  readonly keys: readonly string[];
}

/** Nodes must tell the same then, and list what they read. */
export function compareLooks(looks: readonly Look[]): string[] {
  const found: string[] = [];
  const [first, ...others] = looks;
  const told = ({ reads }: Look) =>
    new Map(
      reads
        .filter(({ kind }) => kind === 'get')
        .map(({ key, value, version }) => [key, value && `${value} as ${version}`]),
    );
  for (const look of looks) {
    for (const { key, outcome, code } of look.reads)
      if (outcome !== 'done') found.push(`node ${look.node} cannot tell of ${key}: ${code}`);
    const listed = new Set(look.keys);
    for (const [key, text] of told(look))
      if (listed.has(key) !== (text !== undefined))
        found.push(`node ${look.node} ${text ? 'does not list' : 'lists'} ${key}, which it reads as ${text}`);
  }
  const expected = first && told(first);
  for (const look of others) {
    for (const [key, text] of told(look))
      if (expected?.get(key) !== text)
        found.push(`${key}: node ${first?.node} reads ${expected?.get(key)}, node ${look.node} ${text}`);
  }
  return found;
}
