/** Which patterns match a topic, without looking at the others: a tree of tokens. */

export interface PatternTree<T> {
  /** True when the pattern had no such value before. */
  add(pattern: string, value: T): boolean;
  /** True when it had. */
  remove(pattern: string, value: T): boolean;
  /** Values of all patterns that match, each once. */
  match(topic: string): Set<T>;
  /** Every pattern with its values. */
  entries(): Iterable<readonly [pattern: string, values: ReadonlySet<T>]>;
  readonly size: number;
}

/** Most are leaves with one set: what a branch does not need it does not have. */
interface Branch<T> {
  next: Map<string, Branch<T>> | undefined;
  /** Of patterns that end here. */
  ends: Set<T> | undefined;
  /** Of patterns that end here with `>`. */
  rest: Set<T> | undefined;
}

export function createPatternTree<T>(): PatternTree<T> {
  const root = createBranch<T>();
  let size = 0;

  return {
    add(pattern, value) {
      let branch = root;
      const tokens = pattern.split('.');
      const all = tokens.at(-1) === '>';
      if (all) tokens.pop();
      for (const token of tokens) {
        branch.next ??= new Map();
        let next = branch.next.get(token);
        if (!next) {
          next = createBranch();
          branch.next.set(token, next);
        }
        branch = next;
      }
      const seat = all ? 'rest' : 'ends';
      branch[seat] ??= new Set();
      const values = branch[seat];
      if (values.has(value)) return false;
      values.add(value);
      size++;
      return true;
    },
    remove(pattern, value) {
      const tokens = pattern.split('.');
      const all = tokens.at(-1) === '>';
      if (all) tokens.pop();
      const path: Branch<T>[] = [root];
      for (const token of tokens) {
        const next = path.at(-1)?.next?.get(token);
        if (!next) return false;
        path.push(next);
      }
      const last = path.at(-1) as Branch<T>;
      const values = all ? last.rest : last.ends;
      if (!values?.delete(value)) return false;
      size--;
      if (values.size === 0) last[all ? 'rest' : 'ends'] = undefined;
      // What nobody needs any more goes, from the leaf up.
      for (let i = tokens.length; i > 0; i--) {
        const { next, ends, rest } = path[i] as Branch<T>;
        if (next || ends || rest) break;
        const parent = path[i - 1] as Branch<T>;
        parent.next?.delete(tokens[i - 1] as string);
        if (parent.next?.size === 0) parent.next = undefined;
      }
      return true;
    },
    match(topic) {
      const tokens = topic.split('.');
      const found = new Set<T>();
      const walk = (branch: Branch<T>, i: number) => {
        if (i === tokens.length) {
          if (branch.ends) for (const value of branch.ends) found.add(value);
          return;
        }
        if (branch.rest) for (const value of branch.rest) found.add(value);
        const exact = branch.next?.get(tokens[i] as string);
        if (exact) walk(exact, i + 1);
        const any = branch.next?.get('*');
        if (any) walk(any, i + 1);
      };
      walk(root, 0);
      return found;
    },
    *entries() {
      yield* list(root, []);
    },
    get size() {
      return size;
    },
  };
}

function* list<T>(branch: Branch<T>, path: readonly string[]): Iterable<readonly [string, ReadonlySet<T>]> {
  if (branch.ends) yield [path.join('.'), branch.ends];
  if (branch.rest) yield [[...path, '>'].join('.'), branch.rest];
  for (const [token, next] of branch.next ?? []) yield* list(next, [...path, token]);
}

function createBranch<T>(): Branch<T> {
  return { next: undefined, ends: undefined, rest: undefined };
}
