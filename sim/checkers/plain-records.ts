/**
 * Plain records as clients see them. Versions make the promise easy to state: what was acknowledged or read under a key is
 * never unread, each value was written by somebody, new versions are greater than what was known before they were asked for, and
 * what expired stays gone.
 */

interface Write {
  /** Undefined: a deletion. */
  readonly value: string | undefined;
  /** Unknown until it is acknowledged or read; the greatest, since one that meets a newer record is given a new version. */
  version: string | undefined;
  /** That version is the last. */
  acknowledged: boolean;
  /** True time, ms; what expires may be gone from a little earlier on, since clocks differ. */
  readonly expiresAt: number | undefined;
  /** No version that it may have says a later time, ms. */
  latestMs: number;
}

interface Key {
  floor: string;
  /** Those that a read may show, or that may be why it shows nothing. */
  writes: Write[];
  /** All that were not refused, for ever: some hundred bytes each. */
  readonly byValue: Map<string, Write>;
}

export interface WriteTicket {
  readonly key: string;
  readonly write: Write;
  readonly floor: string;
}

/**
 * How far two nodes may be apart in what they take for the time, ms. They go by the median of what the members say
 * (core/records/clock), and most clocks are less than 8 s wrong at any time, so each errs by no more, two by 16 s together, and
 * a put has 5 s between its call and its answer. A node whose own clock is hours off is corrected before it writes, so it
 * is judged as any.
 */
const CLOCK_ERROR_MS = 25_000;

/**
 * No replica takes a version further ahead of its time, and no coordinator gives one (MAX_AHEAD_MS). What is brought later, by a
 * hint, a repair or another reader, keeps the version that it was given before its author was told of the unknown outcome.
 */
const VERSION_AHEAD_MS = 10_000;

/** Writes of a key that are kept after newer ones, for reads that are under way. */
const KEPT_OLDER = 64;

export interface PlainRecords {
  readonly violations: string[];
  readonly counts: { acknowledged: number; unknown: number; refused: number; reads: number };
  begin(key: string, value: string | undefined, expiresAt?: number): WriteTicket;
  acknowledged(ticket: WriteTicket, version: string): void;
  /** It surely has no effect, now or later. */
  refused(ticket: WriteTicket): void;
  /** @param now true time, ms: it may still take effect, but not with a version of later on */
  unknown(ticket: WriteTicket, now: number): void;
  /** What others found. */
  broken(violation: string): void;
  /** To be handed to `read` with what came back. */
  floorOf(key: string): string;
  /** @param now true time of the answer, ms */
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
      key = { floor: '', writes: [], byValue: new Map() };
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
    const older = key.writes.filter((write) => !mayBe(write, key.floor));
    const forgotten = new Set(older.slice(0, -KEPT_OLDER));
    if (forgotten.size > 0) key.writes = key.writes.filter((write) => !forgotten.has(write));
  }

  function found(name: string, floor: string, value: string, version: string, now: number): void {
    const key = keyOf(name);
    const write = key.byValue.get(value);
    const expiredAt = (write?.expiresAt ?? Number.POSITIVE_INFINITY) + CLOCK_ERROR_MS;
    const twin = key.writes.find((one) => one.version === version && one !== write);
    if (version < floor) broken(`${name}: read ${version} although ${known(floor)} before`);
    else if (!write) broken(`${name}: read ${value}, which was refused or never written`);
    else if (write.acknowledged && version > (write.version ?? ''))
      broken(`${name}: read ${value} as ${version}, written as ${write.version}`);
    else if (msOf(version) > write.latestMs)
      broken(`${name}: read ${value} as ${version}, given after its author had given up`);
    else if (twin) broken(`${name}: read ${value} as ${version}, which is that of ${twin.value}`);
    else if (now > expiredAt) broken(`${name}: read ${value} as ${version} ${now - expiredAt} ms too late`);
    if (write) note(write, version);
    raise(key, version);
  }

  function nothing(name: string, floor: string, now: number): void {
    if (floor === '') return;
    const key = keyOf(name);
    const causes = key.writes.filter(
      (write) =>
        mayBe(write, floor) &&
        (write.value === undefined || (write.expiresAt ?? Number.POSITIVE_INFINITY) <= now + CLOCK_ERROR_MS),
    );
    if (causes.length === 0) broken(`${name}: read nothing although ${known(floor)} before`);
    // A majority has one of them by now, so nothing older returns.
    else raise(key, causes.map((write) => leastOf(write, floor)).sort()[0] ?? floor);
  }

  return {
    violations,
    counts,
    broken,
    begin(name, value, expiresAt) {
      const key = keyOf(name);
      const latestMs = Number.POSITIVE_INFINITY;
      const write: Write = { value, version: undefined, acknowledged: false, expiresAt, latestMs };
      key.writes.push(write);
      if (value !== undefined) key.byValue.set(value, write);
      return { key: name, write, floor: key.floor };
    },
    acknowledged({ key: name, write, floor }, version) {
      counts.acknowledged++;
      if (write.version !== undefined && write.version > version)
        broken(`${name}: ${write.value} was read as ${write.version}, acknowledged as ${version}`);
      note(write, version);
      write.acknowledged = true;
      if (version <= floor) broken(`${name}: ${version} was given although ${floor} was known before`);
      raise(keyOf(name), version);
    },
    refused({ key: name, write }) {
      counts.refused++;
      const key = keyOf(name);
      if (write.version !== undefined) broken(`${name}: ${write.value} was read, and refused then`);
      key.writes = key.writes.filter((one) => one !== write);
      if (write.value !== undefined) key.byValue.delete(write.value);
    },
    unknown({ write }, now) {
      counts.unknown++;
      write.latestMs = now + VERSION_AHEAD_MS + CLOCK_ERROR_MS;
    },
    floorOf: (name) => keyOf(name).floor,
    read(name, floor, value, now) {
      counts.reads++;
      if (value) found(name, floor, value.value, value.version, now);
      else nothing(name, floor, now);
    },
  };
}

function note(write: Write, version: string): void {
  if (write.version === undefined || version > write.version) write.version = version;
}

/** Whether it may be what is there, or why nothing is, for who knew of `floor`. */
function mayBe({ version, acknowledged, latestMs }: Write, floor: string): boolean {
  return (version !== undefined && version >= floor) || (!acknowledged && latestMs >= msOf(floor));
}

/** No version of it that is not older than `floor` is less. Where it is known to none, it is another than `floor`. */
function leastOf({ version, acknowledged }: Write, floor: string): string {
  if (version !== undefined && (acknowledged || version === floor)) return version;
  return floor.endsWith(ABOVE) ? floor : `${floor}${ABOVE}`;
}

/** Makes of a version what lies between it and the next. */
const ABOVE = '+';

function known(floor: string): string {
  return floor.endsWith(ABOVE) ? `${floor.slice(0, -1)} was gone` : `${floor} was known`;
}

/** The time that a version says, ms. */
function msOf(version: string): number {
  return version === '' ? 0 : Number.parseInt(version.slice(0, 12), 16);
}
