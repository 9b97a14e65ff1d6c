/** What clients of the system did and were told, one line each, and whether it may have been so. */

import { type RegisterOperation, registerFault } from '../../packages/node/src/testing/linearizability.ts';

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
  readonly version?: string | undefined;
  /** Of a change of a register: the version that must be there, or `absent`. Done with the code CAS_CONDITION_FAILED: it was not. */
  readonly expect?: string | undefined;
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
 * Each key has one writer, whose operations follow one another, and many readers. A read must give the outcome of the
 * last write acknowledged before it began or of one that began later or had no known outcome since; and no reader of a
 * key ever goes back to a smaller version.
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
    const writes = operations.filter(({ kind }) => kind !== 'get').toSorted((a, b) => a.from - b.from);
    for (const read of operations) {
      if (read.kind !== 'get' || read.outcome !== 'done') continue;
      const last = writes.findLastIndex(({ outcome, to }) => outcome === 'done' && to < read.from);
      const possible = writes.slice(Math.max(0, last)).filter((write) => canShow(write, read));
      const fits =
        possible.some((write) => shown(write) === read.value) || (last < 0 && read.value === undefined);
      if (!fits) {
        const expected = possible.map(shown).join(' | ') || 'nothing';
        violations.push(
          `${key}: writer ${read.writer} read ${read.value} at ${read.from}, may be ${expected}`,
        );
      }
    }
    violations.push(...goesBack(key, operations));
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
  const { kind, value = null, version = null, expect = 'any', from, to, outcome, code } = one;
  if (outcome === 'refused') return [];
  if (kind === 'cas-get') {
    // A read nobody knows the answer of says nothing.
    return outcome === 'done' ? [{ input: { kind: 'read' }, output: { version, value }, from, to }] : [];
  }
  const input = { kind: 'change', value, expect } as const;
  if (outcome === 'unknown') return [{ input, from, to: Number.POSITIVE_INFINITY }];
  return [{ input, output: code === undefined ? { version, value } : { failed: true }, from, to }];
}

function canShow(write: Operation, read: Operation): boolean {
  return write.outcome !== 'refused' && write.from <= read.to;
}

const shown = ({ kind, value }: Operation) => (kind === 'put' ? value : undefined);

/** Of two reads by anyone, the one that began after the other had ended shows no smaller version. */
function goesBack(key: string, operations: readonly Operation[]): string[] {
  const reads = operations
    .filter(({ kind, outcome, version }) => kind === 'get' && outcome === 'done' && version !== undefined)
    .toSorted((a, b) => a.from - b.from);
  const ended = reads.toSorted((a, b) => a.to - b.to);
  const found: string[] = [];
  let greatest = '';
  let next = 0;
  for (const read of reads) {
    for (; (ended[next]?.to ?? Number.POSITIVE_INFINITY) < read.from; next++) {
      const { version = '' } = ended[next] ?? {};
      if (version > greatest) greatest = version;
    }
    if ((read.version ?? '') < greatest)
      found.push(
        `${key}: writer ${read.writer} read version ${read.version} after ${greatest} had been read`,
      );
  }
  return found;
}
