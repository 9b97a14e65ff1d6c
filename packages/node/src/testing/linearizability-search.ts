/**
 * Whether a history of operations on one object could have happened one after another, each between its call and its
 * answer (Herlihy & Wing 1990). Goes through calls and answers in the order of time with all orders at once that are possible
 * so far, each put off as long as it can be (just-in-time linearization, Lowe 2017). So it takes as long as the history is, and
 * stops at the first answer that fits none.
 *
 * @example
 * linearize(counter, [{ input: 'add', output: 1, from: 0, to: 5 }, { input: 'read', output: 1, from: 6, to: 7 }]);
 */

export interface Operation<I, O> {
  readonly input: I;
  /** Absent: nobody knows whether it took effect, then or later. */
  readonly output?: O;
  readonly from: number;
  readonly to: number;
}

/** A sequential object. */
export interface Model<S, I, O> {
  readonly first: S;
  /** The same text for the same state. */
  name(state: S): string;
  /** What it is after the operation; undefined: this output cannot be. */
  step(state: S, input: I, output: O | undefined): { readonly state: S } | undefined;
  /** It has no effect on any state, though it may tell more of one. */
  isReading(input: I, output: O | undefined): boolean;
  /** Without an answer it can have no effect any more, now or later. */
  isOver(input: I, state: S): boolean;
  /** Where `other` has an effect, this has the same. */
  covers(input: I, other: I): boolean;
}

export type Verdict<I, O> =
  | { readonly kind: 'possible' }
  /** `unclear`: there are too many orders to try. `at`: fits none of those that were possible before its answer. */
  | { readonly kind: 'impossible' | 'unclear'; readonly at: Operation<I, O> };

/** Deciding is NP-complete (Gibbons & Korach 1997); of honest histories a few orders are left at any time. */
const MAX_ORDERS = 20_000;

/** What may have been done so far; of operations that are under way by their numbers. */
interface Order<S> {
  readonly state: S;
  readonly changed: readonly number[];
  readonly read: readonly number[];
  /** How many of each kind without an answer took effect, of those that still can. */
  readonly used: ReadonlyMap<number, number>;
}

export function linearize<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
): Verdict<I, O> {
  const byStart = history.toSorted((a, b) => a.from - b.from);
  const known = byStart.filter(({ output }) => output !== undefined);
  // Those without an answer that ask the same can stand for one another: the earliest goes first.
  const alike = Map.groupBy(
    byStart.filter(({ output }) => output === undefined),
    ({ input }) => JSON.stringify(input),
  );
  const unknown = [...alike.values()];
  const covers = coversOf(model, unknown);
  /** Those of them that were asked and can still have an effect. */
  let live: number[] = [];
  let asked = 0;
  const byEnd = known.map((_, i) => i).sort((a, b) => at(a).to - at(b).to);
  const open = new Set<number>();
  let orders: Order<S>[] = [{ state: model.first, changed: [], read: [], used: new Map() }];
  let called = 0;

  function at(i: number): Operation<I, O> {
    return known[i] as Operation<I, O>;
  }

  function isReading(i: number): boolean {
    return model.isReading(at(i).input, at(i).output);
  }

  /** What only reads may as well happen now as later. */
  function withReads(order: Order<S>, candidates: Iterable<number>): Order<S> {
    const name = model.name(order.state);
    const more: number[] = [];
    for (const i of candidates) {
      if (!isReading(i) || order.read.includes(i)) continue;
      const after = model.step(order.state, at(i).input, at(i).output);
      if (after && model.name(after.state) === name) more.push(i);
    }
    return more.length > 0 ? { ...order, read: [...order.read, ...more] } : order;
  }

  function* following(order: Order<S>, now: number): Generator<Order<S>> {
    const { state, changed, read, used } = order;
    for (const i of open) {
      if (changed.includes(i) || read.includes(i)) continue;
      const after = model.step(state, at(i).input, at(i).output);
      if (!after) continue;
      if (isReading(i)) yield { ...order, state: after.state, read: [...read, i] };
      else yield { ...order, state: after.state, changed: [...changed, i].sort((a, b) => a - b) };
    }
    const name = model.name(state);
    for (const which of live) {
      const count = used.get(which) ?? 0;
      const next = unknown[which]?.[count];
      if (!next || next.from > now) continue;
      const after = model.step(state, next.input, undefined);
      // One without an effect here is as good as never made.
      if (after && model.name(after.state) !== name)
        yield { ...order, state: after.state, used: new Map(used).set(which, count + 1) };
    }
  }

  /** Of all orders those in which it is done. Undefined: they are too many. */
  function endedBy(i: number): Order<S>[] | undefined {
    const isDone = ({ changed, read }: Order<S>) => changed.includes(i) || read.includes(i);
    if (orders.every(isDone)) return orders.map((order) => without(order, i));
    const found = new Antichain<S>(model, covers);
    const waiting = new Antichain<S>(model, covers);
    const toDo: Order<S>[] = [];
    const take = (order: Order<S>) => {
      if (isDone(order)) found.add(without(order, i));
      else if (waiting.add(order)) toDo.push(order);
    };
    for (const order of orders) take(order);
    for (let order = toDo.pop(); order; order = toDo.pop()) {
      for (const next of following(order, at(i).to)) take(withReads(alive(next), open));
      if (found.size + waiting.size > MAX_ORDERS) return undefined;
    }
    return [...found.all()];
  }

  function isOver(which: number, { state }: Order<S>): boolean {
    return model.isOver((unknown[which] as Operation<I, O>[])[0]?.input as I, state);
  }

  /** Without those that can have no effect any more. */
  function alive(order: Order<S>): Order<S> {
    if (order.used.keys().every((which) => !isOver(which, order))) return order;
    return { ...order, used: new Map(order.used.entries().filter(([which]) => !isOver(which, order))) };
  }

  for (const i of byEnd) {
    for (; called < known.length && at(called).from <= at(i).to; called++) {
      const now = called;
      open.add(now);
      orders = orders.map((order) => withReads(order, [now]));
    }
    while ((unknown[asked]?.[0]?.from ?? Number.POSITIVE_INFINITY) <= at(i).to) live.push(asked++);
    const next = endedBy(i);
    if (!next?.length) return { kind: next ? 'impossible' : 'unclear', at: at(i) };
    open.delete(i);
    orders = next;
    live = live.filter((which) => !orders.every((order) => isOver(which, order)));
  }
  return { kind: 'possible' };
}

function without<S>(order: Order<S>, i: number): Order<S> {
  const others = (numbers: readonly number[]) => numbers.filter((number) => number !== i);
  return { ...order, changed: others(order.changed), read: others(order.read) };
}

/** Of orders that lead to the same those alone that leave most open. */
class Antichain<S> {
  readonly #nameOf: (state: S) => string;
  readonly #covers: Covers;
  readonly #byPlace = new Map<string, Order<S>[]>();
  size = 0;

  constructor({ name }: { name(state: S): string }, covers: Covers) {
    this.#nameOf = name;
    this.#covers = covers;
  }

  /** False: there is one already that leaves as much. */
  add(order: Order<S>): boolean {
    const place = `${order.changed.join()} ${this.#nameOf(order.state)}`;
    const before = this.#byPlace.get(place) ?? [];
    if (before.some((other) => this.#leavesAsMuch(other, order))) return false;
    const kept = before.filter((other) => !this.#leavesAsMuch(order, other));
    kept.push(order);
    this.size += kept.length - before.length;
    this.#byPlace.set(place, kept);
    return true;
  }

  *all(): Generator<Order<S>> {
    for (const orders of this.#byPlace.values()) yield* orders;
  }

  #leavesAsMuch(order: Order<S>, other: Order<S>): boolean {
    if (!other.read.every((i) => order.read.includes(i))) return false;
    /** What covers others may be left in their stead. */
    const owed = new Map<number, number>();
    for (const [which, count] of order.used) {
      const more = count - (other.used.get(which) ?? 0);
      if (more <= 0) continue;
      const cover = this.#covers.get(which);
      if (cover === undefined) return false;
      owed.set(cover, (owed.get(cover) ?? 0) + more);
    }
    return owed
      .entries()
      .every(([which, count]) => (order.used.get(which) ?? 0) + count <= (other.used.get(which) ?? 0));
  }
}

/** Of some of those without an answer one that covers it and is covered by none. */
type Covers = ReadonlyMap<number, number>;

function coversOf<S, I, O>(
  { covers }: Pick<Model<S, I, O>, 'covers'>,
  unknown: readonly (readonly Operation<I, O>[])[],
): Covers {
  const inputs = unknown.map((same) => same[0]?.input as I);
  const tops = inputs.flatMap((one, i) =>
    inputs.some((other, j) => j !== i && covers(other, one)) ? [] : [i],
  );
  return new Map(
    inputs.flatMap((one, i) => {
      const top = tops.find((j) => j !== i && covers(inputs[j] as I, one));
      return top === undefined ? [] : [[i, top] as const];
    }),
  );
}
