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

interface Branch<T> {
  readonly next: Map<string, Branch<T>>;
  /** Of patterns that end here. */
  readonly ends: Set<T>;
  /** Of patterns that end here with `>`. */
  readonly rest: Set<T>;
}

export function createPatternTree<T>(): PatternTree<T> {
  const root = createBranch<T>();
  let size = 0;

  function seat(branch: Branch<T>, token: string, last: boolean): Set<T> | undefined {
    if (!last) return undefined;
    return token === '>' ? branch.rest : branch.next.get(token)?.ends;
  }

  return {
    add(pattern, value) {
      let branch = root;
      const tokens = pattern.split('.');
      for (const [i, token] of tokens.entries()) {
        if (token === '>' && i === tokens.length - 1) break;
        let next = branch.next.get(token);
        if (!next) {
          next = createBranch();
          branch.next.set(token, next);
        }
        branch = next;
      }
      const values = tokens.at(-1) === '>' ? branch.rest : branch.ends;
      if (values.has(value)) return false;
      values.add(value);
      size++;
      return true;
    },
    remove(pattern, value) {
      const tokens = pattern.split('.');
      const path: Branch<T>[] = [root];
      for (const token of tokens.slice(0, -1)) {
        const next = path.at(-1)?.next.get(token);
        if (!next) return false;
        path.push(next);
      }
      const last = tokens.at(-1) as string;
      const values = seat(path.at(-1) as Branch<T>, last, true);
      if (!values?.delete(value)) return false;
      size--;
      // What nobody needs any more goes, from the leaf up.
      for (let i = tokens.length - 1; i >= 0; i--) {
        const parent = path[i] as Branch<T>;
        const token = tokens[i] as string;
        const child = parent.next.get(token);
        if (!child) continue;
        if (child.next.size > 0 || child.ends.size > 0 || child.rest.size > 0) break;
        parent.next.delete(token);
      }
      return true;
    },
    match(topic) {
      const tokens = topic.split('.');
      const found = new Set<T>();
      const walk = (branch: Branch<T>, i: number) => {
        if (i === tokens.length) {
          for (const value of branch.ends) found.add(value);
          return;
        }
        for (const value of branch.rest) found.add(value);
        const exact = branch.next.get(tokens[i] as string);
        if (exact) walk(exact, i + 1);
        const any = branch.next.get('*');
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
  if (branch.ends.size > 0) yield [path.join('.'), branch.ends];
  if (branch.rest.size > 0) yield [[...path, '>'].join('.'), branch.rest];
  for (const [token, next] of branch.next) yield* list(next, [...path, token]);
}

function createBranch<T>(): Branch<T> {
  return { next: new Map(), ends: new Set(), rest: new Set() };
}
