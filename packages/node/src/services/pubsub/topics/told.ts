/** Entries that the writer told of, until their turn. Bounded: those that come first stay, the others are read in the log. */
import type { Entry, Position } from './format.ts';

export interface Found {
  readonly entry?: Entry;
  readonly after: Position;
}

export interface Told {
  get(number: number): Found | undefined;
  add(number: number, found: Found, bytes: number): void;
  /** Those before are over. */
  advance(number: number): void;
  /** The greatest number; 0: none. */
  last(): number;
}

export function createTold({
  maxEntries,
  maxBytes,
}: {
  readonly maxEntries: number;
  readonly maxBytes: number;
}): Told {
  const entries = new Map<number, { readonly found: Found; readonly bytes: number }>();
  let bytes = 0;

  function remove(number: number): void {
    bytes -= entries.get(number)?.bytes ?? 0;
    entries.delete(number);
  }

  const last = () => Math.max(0, ...entries.keys());

  return {
    last,
    get: (number) => entries.get(number)?.found,
    add(number, found, size) {
      remove(number);
      entries.set(number, { found, bytes: size });
      bytes += size;
      while (entries.size > maxEntries || bytes > maxBytes) remove(last());
    },
    advance(number) {
      for (const one of entries.keys()) if (one < number) remove(one);
    },
  };
}
