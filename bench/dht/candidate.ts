/** A table of many nodes in this process. */
export interface Candidate {
  /** Finds the nodes closest to the target from node `index`; answers how many were asked. */
  lookup(index: number, target: Uint8Array): Promise<number>;
}

/** Each of a list of nodes brought in by the former ones. */
export async function inTurn<T>(count: number, start: (before: readonly T[]) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) made.push(await start(made));
  return made;
}
