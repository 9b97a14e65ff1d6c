/** Links that are cut, each for as long as any fault says so: what waits on one is not let through when another ends. */
export type Way = readonly [from: number, to: number];

export interface Cuts {
  /** Until disposed. */
  hold(ways: readonly Way[]): Disposable;
}

export function createCuts(sim: { setCuts(ways: readonly Way[]): void }): Cuts {
  /** How many faults cut each. */
  const held = new Map<string, { readonly way: Way; count: number }>();
  const apply = () => sim.setCuts(Array.from(held.values(), ({ way }) => way));

  return {
    hold(ways) {
      for (const way of ways) {
        const name = way.join('>');
        const one = held.get(name) ?? { way, count: 0 };
        one.count++;
        held.set(name, one);
      }
      apply();
      return {
        [Symbol.dispose]() {
          for (const way of ways) {
            const name = way.join('>');
            const one = held.get(name);
            if (one && --one.count === 0) held.delete(name);
          }
          apply();
        },
      };
    },
  };
}
