/** What a release's SDK and node said to each other, for every operation and stream, in a file that later releases are held to. */
import assert from 'node:assert/strict';

export interface Exchange {
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output: unknown;
  readonly request: {
    readonly method: string;
    /** Path and query. */
    readonly target: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  };
  /** The same call over a socket: what the frames `call` and `result` carried. */
  readonly socket: { readonly input: unknown; readonly output: unknown } | null;
}

export interface Followed {
  readonly kind: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** Of the frame `subscribe`, without op and id. */
  readonly asked: unknown;
  /** `open`, then one of each event, as they came and as the client told them. */
  readonly frames: readonly Frame[];
  readonly events: readonly Frame[];
}
export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

export interface Recording {
  readonly exchanges: readonly Exchange[];
  readonly followed: readonly Followed[];
}

/** JSON in which bytes, big integers and infinities keep their kind. */
export function write(recording: Recording): string {
  return `${JSON.stringify(recording, replace, 1)}\n`;
}

function replace(this: unknown, key: string, value: unknown): unknown {
  // Buffers have a toJSON of their own, so the value as it was is looked at.
  const raw = (this as Record<string, unknown>)[key];
  if (raw instanceof Uint8Array) return { $bytes: Buffer.from(raw).toString('base64') };
  if (typeof raw === 'bigint') return { $bigint: String(raw) };
  if (typeof raw === 'number' && !Number.isFinite(raw)) return { $number: String(raw) };
  return value;
}

export function read(text: string): Recording {
  return JSON.parse(text, (_, value) => {
    if (typeof value?.$bytes === 'string') return new Uint8Array(Buffer.from(value.$bytes, 'base64'));
    if (typeof value?.$bigint === 'string') return BigInt(value.$bigint);
    if (typeof value?.$number === 'string') return Number(value.$number);
    return value;
  });
}

/** Every field is there with a value of the same kind; there may be more. */
export function assertStillThere(before: unknown, now: unknown, at: string): void {
  if (Array.isArray(before)) {
    assert.ok(Array.isArray(now), `${at} is no list any more`);
    if (before.length > 0) assertStillThere(before[0], now[0], `${at}[0]`);
  } else if (before instanceof Uint8Array) assert.ok(now instanceof Uint8Array, `${at} is no bytes any more`);
  else if (typeof before === 'object' && before !== null) {
    assert.ok(typeof now === 'object' && now !== null, `${at} is no object any more`);
    for (const [name, value] of Object.entries(before))
      assertStillThere(value, (now as Record<string, unknown>)[name], `${at}.${name}`);
  } else assert.equal(typeof now, typeof before, `${at} was of another kind`);
}

/** As a later node may answer: every object has a field more. */
export function withMore(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMore);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  // Values of SQL and bytes are no objects, though they look like one in JSON.
  const names = Object.keys(value);
  if (names.some((name) => name.startsWith('$'))) return value;
  // A sample of what is one value for each name, where another name is another value.
  if (names.join() === 'a') return value;
  const pairs = Object.entries(value).map(([name, item]) => [name, withMore(item)]);
  return { ...Object.fromEntries(pairs), laterField: [{ a: 1 }] };
}
