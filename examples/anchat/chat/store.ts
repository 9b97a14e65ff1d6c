/** What a device keeps between its runs: keys, sessions, lines. Values are what a structured clone carries. */

/** Undefined removes what is there. */
export type Change = readonly [key: string, value: unknown];

export interface Store {
  get(key: string): Promise<unknown>;
  /** In the order of their keys. */
  list(prefix: string): Promise<(readonly [key: string, value: unknown])[]>;
  /** All of them or none, on disk when it resolves. */
  write(changes: readonly Change[]): Promise<void>;
}

/** Forgets everything with the process. */
export function createMemoryStore(): Store {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => structuredClone(values.get(key)),
    list: async (prefix) =>
      [...values]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, structuredClone(value)] as const),
    async write(changes) {
      for (const [key, value] of structuredClone(changes))
        if (value === undefined) values.delete(key);
        else values.set(key, value);
    },
  };
}
