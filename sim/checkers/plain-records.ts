/**
 * Plain records as clients see them. Versions make the promise easy to state: what was acknowledged or read under a key is
 * never unread, each value was written by somebody, and new versions are greater than what was known before they were asked
 * for.
 */

interface Write {
  /** Undefined: a deletion. */
  readonly value: string | undefined;
  /** Unknown until it is acknowledged or read. */
  version: string | undefined;
  acknowledged?: boolean;
  /** True time, ms; what expires may be gone from a little earlier on, since clocks differ. */
  readonly expiresAt: number | undefined;
}

interface Key {
  floor: string;
  writes: Write[];
}

export interface WriteTicket {
  readonly key: string;
  readonly write: Write;
  readonly floor: string;
}

/** How far clocks of nodes may be apart, ms. */
const CLOCK_ERROR_MS = 25_000;

/** Writes of a key that are kept after newer ones, for reads that are under way. */
const KEPT_OLDER = 64;

export interface PlainRecords {
  readonly violations: string[];
  readonly counts: { acknowledged: number; unknown: number; refused: number; reads: number };
  begin(key: string, value: string | undefined, expiresAt?: number): WriteTicket;
  acknowledged(ticket: WriteTicket, version: string): void;
  /** It surely has no effect, now or later. */
  refused(ticket: WriteTicket): void;
  unknown(ticket: WriteTicket, now: number): void;
  /** What others found. */
  broken(violation: string): void;
  /** To be handed to `read` with what came back. */
  floorOf(key: string): string;
  read(
    key: string,
    floor: string,
    found: { readonly value: string; readonly version: string } | undefined,
    now: number,
  ): void;
}

export function createPlainRecords(say: (violation: string) => void = () => {}): PlainRecords {
  const keys = new Map<string, Key>();
  const violations: string[] = [];
  const counts = { acknowledged: 0, unknown: 0, refused: 0, reads: 0 };

  function keyOf(name: string): Key {
    let key = keys.get(name);
    if (!key) {
      key = { floor: '', writes: [] };
      keys.set(name, key);
    }
    return key;
  }

  function broken(text: string): void {
    violations.push(text);
    say(text);
  }

  function raise(key: Key, version: string): void {
    if (version > key.floor) key.floor = version;
    // What is older can be read no more but by who began before.
    const older = key.writes.filter((write) => write.version !== undefined && write.version < key.floor);
    const forgotten = new Set(older.slice(0, -KEPT_OLDER));
    if (forgotten.size > 0) key.writes = key.writes.filter((write) => !forgotten.has(write));
  }

  return {
    violations,
    counts,
    broken,
    begin(name, value, expiresAt) {
      const key = keyOf(name);
      const write: Write = { value, version: undefined, expiresAt };
      key.writes.push(write);
      return { key: name, write, floor: key.floor };
    },
    acknowledged({ key: name, write, floor }, version) {
      counts.acknowledged++;
      write.version = version;
      write.acknowledged = true;
      if (version <= floor) broken(`${name}: ${version} was given although ${floor} was known before`);
      raise(keyOf(name), version);
    },
    refused({ key: name, write }) {
      counts.refused++;
      const key = keyOf(name);
      key.writes = key.writes.filter((one) => one !== write);
    },
    unknown() {
      counts.unknown++;
    },
    floorOf: (name) => keyOf(name).floor,
    read(name, floor, found, now) {
      counts.reads++;
      const key = keyOf(name);
      const mayBe = (write: Write) => write.version === undefined || write.version >= floor;
      if (found) {
        const { value, version } = found;
        const write = key.writes.find((one) => one.value === value);
        if (version < floor) broken(`${name}: read ${version} although ${floor} was known before`);
        else if (!write && version >= key.floor)
          broken(`${name}: read ${value}, which was refused or never written`);
        // While it was under way it may have been read under a version that had to give way to a greater one.
        else if (write?.acknowledged && write.version !== undefined && write.version < version)
          broken(`${name}: read ${value} as ${version}, written as ${write.version}`);
        if (write && version > (write.version ?? '')) write.version = version;
        raise(key, version);
        return;
      }
      const gone = key.writes.some(
        (write) =>
          mayBe(write) &&
          (write.value === undefined ||
            (write.expiresAt ?? Number.POSITIVE_INFINITY) <= now + CLOCK_ERROR_MS),
      );
      if (floor !== '' && !gone) broken(`${name}: read nothing although ${floor} was known before`);
    },
  };
}
