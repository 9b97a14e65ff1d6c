/**
 * Lets changes of different registers start together. What starts within a tick stays in step through its rounds, and shares
 * there signatures, requests and commits; while some are on their way to the disks, more are gathered.
 */
import type { Clock } from '../../clock/index.ts';

export interface Cohorts {
  /** Resolves when the caller may start; disposed of when it has ended. */
  enter(): Promise<Disposable>;
}

/** While few are under way they need not wait for each other: one cohort in the commit at hand, one behind it. */
const MAX_FLYING = 2;
const FEW = 8;
/** So many start whatever is under way. */
const MAX_GATHERED = 64;
/** A cohort of which one is slow or lost holds up those behind it for no longer. */
const MAX_HOLD_MS = 10;

interface Cohort {
  left: number;
}

export function createCohorts({ clock }: { readonly clock: Pick<Clock, 'after'> }): Cohorts {
  const waiting: ((entered: Disposable) => void)[] = [];
  const flying = new Set<Cohort>();
  let underWay = 0;
  let hold: Disposable | undefined;

  function start(): void {
    hold?.[Symbol.dispose]();
    hold = undefined;
    const members = waiting.splice(0, MAX_GATHERED);
    const cohort: Cohort = { left: members.length };
    flying.add(cohort);
    underWay += members.length;
    for (const resolve of members) resolve({ [Symbol.dispose]: () => leave(cohort) });
    if (waiting.length > 0) consider();
  }

  function leave(cohort: Cohort): void {
    underWay--;
    if (--cohort.left > 0) return;
    flying.delete(cohort);
    consider();
  }

  function consider(): void {
    if (waiting.length === 0) return;
    const few = flying.size < MAX_FLYING && underWay < FEW;
    if (flying.size === 0 || few || waiting.length >= MAX_GATHERED) start();
    else hold ??= clock.after(MAX_HOLD_MS, start);
  }

  return {
    enter: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 1) queueMicrotask(consider);
        else if (waiting.length >= MAX_GATHERED) consider();
      }),
  };
}
