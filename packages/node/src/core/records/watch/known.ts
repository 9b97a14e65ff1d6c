/**
 * What a watch has told of which key, so that it never goes back. Bounded: of keys that were pushed out only the greatest
 * version is remembered, and a change of an unknown key that is not above it takes a read to be sure.
 */
import { formatVersionTime } from '@p2pos/protocol';

export interface Told {
  readonly version: string;
  readonly dead: boolean;
}

/** Greater than the first part of any version. */
const ALL = 'g';
const STAMP_CHARACTERS = 16;

export class Known {
  readonly #told = new Map<string, Told>();
  readonly #maxKeys: number;
  #floor: string;
  #horizon: string;
  #isWhole = true;

  /** @param floor `all`: nothing is sure yet; else the first part of a version. */
  constructor(floor: string | 'all', { maxKeys }: { readonly maxKeys: number }) {
    this.#maxKeys = maxKeys;
    this.#floor = floor === 'all' ? ALL : floor;
    this.#horizon = floor === 'all' ? '' : floor;
  }

  /** First part of the greatest version told. */
  get horizon(): string {
    return this.#horizon;
  }

  /** No key was pushed out. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get(name: string): Told | undefined {
    return this.#told.get(name);
  }

  /** Whether this adds nothing to what was told. */
  covers(name: string, { version, dead }: Told): boolean {
    const told = this.#told.get(name);
    if (!told) return false;
    return told.version > version || (told.version === version && (told.dead || !dead));
  }

  /** Something newer may have been told of the key. */
  isUnsure(name: string, version: string): boolean {
    return !this.#told.has(name) && stampOf(version) <= this.#floor;
  }

  set(name: string, told: Told): void {
    this.#told.delete(name);
    this.#told.set(name, told);
    const stamp = stampOf(told.version);
    if (stamp > this.#horizon) this.#horizon = stamp;
    if (this.#told.size <= this.#maxKeys) return;
    const [oldest, { version }] = this.#told.entries().next().value as [string, Told];
    this.#told.delete(oldest);
    this.#isWhole = false;
    if (stampOf(version) > this.#floor) this.#floor = stampOf(version);
  }

  /** Everything up to now was told. */
  settle(): void {
    this.#floor = this.#horizon;
  }
}

/** The first part of the first version of that time, ms. */
export function stampAt(ms: number): string {
  return formatVersionTime(Math.max(0, Math.floor(ms))).padEnd(STAMP_CHARACTERS, '0');
}

function stampOf(version: string): string {
  return version.slice(0, STAMP_CHARACTERS);
}
