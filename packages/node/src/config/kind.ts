/** What values a setting may have: how it is written in `node.toml`, in a variable or flag, and what is allowed. */
import { isIP } from 'node:net';
import { formatDuration, isP2posError, isSystemId, parseDuration } from '@p2pos/protocol';

/** `reason` follows the key in a sentence: "is 0; allowed are 1 to 10". */
export type Reading<T> = { readonly value: T } | { readonly reason: string };

export interface Kind<T> {
  /** One word for the reference. */
  readonly name: string;
  /** What is allowed, in words. */
  readonly range: string;
  /** From what TOML gives. */
  read(value: unknown): Reading<T>;
  /** From a variable or flag to what TOML would give; default: the text itself. */
  fromText?(text: string): unknown;
  /** As TOML. */
  show(value: T): string;
}

/** Whole numbers, both ends allowed. */
interface Range {
  readonly min: number;
  readonly max: number;
}

export function integer({ min, max }: Range): Kind<number> {
  return {
    name: 'integer',
    range: `${min} to ${max}`,
    read: (value) =>
      typeof value === 'number'
        ? within(value, String(value), { min, max }, String)
        : notA('whole number', value),
    fromText: numberOrText,
    show: String,
  };
}

/** Milliseconds inside; outside a whole number and a unit. */
export function duration(range: Range): Kind<number> {
  return {
    name: 'duration',
    range: `${formatDuration(range.min)} to ${formatDuration(range.max)}`,
    read(value) {
      if (typeof value !== 'string') return notA('duration such as "10s" (units ms, s, m, h, d)', value);
      try {
        return within(parseDuration(value), value, range, formatDuration);
      } catch (error) {
        if (!isP2posError(error)) throw error;
        return notA('duration such as "10s" (units ms, s, m, h, d)', value);
      }
    },
    show: (value) => JSON.stringify(formatDuration(value)),
  };
}

const SIZE = /^(0|[1-9]\d{0,14})(B|KiB|MiB|GiB|TiB)$/;
const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes inside; outside a number of bytes, or text with a unit. */
export function size(range: Range): Kind<number> {
  return {
    name: 'size',
    range: `${formatSize(range.min)} to ${formatSize(range.max)}`,
    read(value) {
      if (typeof value === 'number') return within(value, String(value), range, formatSize);
      const [, digits = '', unit = ''] = (typeof value === 'string' && SIZE.exec(value)) || [];
      if (!unit) return notA('number of bytes, or text such as "64KiB" (units B, KiB, MiB, GiB, TiB)', value);
      return within(Number(digits) * 1024 ** SIZE_UNITS.indexOf(unit), String(value), range, formatSize);
    },
    fromText: numberOrText,
    show: (value) => (value < 1024 ? String(value) : JSON.stringify(formatSize(value))),
  };
}

function formatSize(bytes: number): string {
  let power = 0;
  while (power < SIZE_UNITS.length - 1 && bytes >= 1024 && bytes % 1024 === 0) {
    bytes /= 1024;
    power++;
  }
  return `${bytes}${SIZE_UNITS[power]}`;
}

export const yesOrNo: Kind<boolean> = {
  name: 'boolean',
  range: 'true, false',
  read: (value) => (typeof value === 'boolean' ? { value } : notA('true or false', value)),
  fromText: (text) => (text === 'true' ? true : text === 'false' ? false : text),
  show: String,
};

/** HTTPS; plain HTTP only to this machine. */
export const httpsUrl: Kind<string> = text(
  'URL',
  'an https:// address',
  (value) => {
    const url = URL.parse(value);
    const isLocal = url?.protocol === 'http:' && /^(127\.|\[::1\]|localhost)/.test(url.hostname);
    return url?.protocol === 'https:' || isLocal ? { value } : notA('https:// address', value);
  },
  String,
);

export const domainName: Kind<string> = text(
  'domain',
  'a domain such as "example.org"',
  (value) =>
    value.length <= 190 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/.test(value)
      ? { value }
      : notA('domain such as "example.org", in lower case', value),
  String,
);

export function choice<const T extends string>(...words: readonly T[]): Kind<T> {
  return {
    name: 'word',
    range: words.join(', '),
    read(value) {
      const found = words.find((word) => word === value);
      return found === undefined
        ? { reason: `is ${shown(value)}; allowed are ${words.join(', ')}` }
        : { value: found };
    },
    show: (value) => JSON.stringify(value),
  };
}

/** Text for which `check` finds no fault. */
function text<T>(
  name: string,
  range: string,
  parse: (text: string) => Reading<T>,
  show: (value: T) => string,
): Kind<T> {
  return {
    name,
    range,
    read: (value) => (typeof value === 'string' ? parse(value) : notA(range, value)),
    show: (value) => JSON.stringify(show(value)),
  };
}

export const systemId: Kind<string> = text(
  'system id',
  '"sys1" and 52 letters and digits',
  (value) => (isSystemId(value) ? { value } : notA('system id: "sys1" and 52 letters and digits', value)),
  String,
);

export const path: Kind<string> = text(
  'path',
  'a path; a relative one starts at the home',
  (value) => (value !== '' && !value.includes('\0') ? { value } : notA('path', value)),
  String,
);

export interface HostAndPort {
  /** An IP address, or `localhost`. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

const HOST_AND_PORT =
  'an IP address or localhost, and a port 0 to 65535, such as "127.0.0.1:4180" or "[::1]:4180"';

export const hostAndPort: Kind<HostAndPort> = text(
  'host and port',
  HOST_AND_PORT,
  (value) => {
    const [, v6, other, digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
    const host = v6 ?? other ?? '';
    const isHost = v6 === undefined ? isIP(host) === 4 || host === 'localhost' : isIP(host) === 6;
    return isHost && Number(digits) <= 65_535
      ? { value: { host, port: Number(digits) } }
      : notA(HOST_AND_PORT, value);
  },
  ({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`),
);

export const hostName: Kind<string> = text(
  'host name',
  'a host name without a port',
  (value) =>
    /^[a-z0-9]([a-z0-9-]{0,62}\.?)+$/i.test(value) && value.length <= 253
      ? { value: value.toLowerCase() }
      : notA('host name without a port', value),
  String,
);

export function list<T>(item: Kind<T>, { max }: { readonly max: number }): Kind<readonly T[]> {
  return {
    name: `list of ${item.name}`,
    range: `at most ${max}, each ${item.range}`,
    read(value) {
      if (!Array.isArray(value)) return notA('list', value);
      if (value.length > max) return { reason: `has ${value.length} entries; allowed are at most ${max}` };
      const values: T[] = [];
      for (const [index, entry] of value.entries()) {
        const reading = item.read(entry);
        if ('reason' in reading) return { reason: `entry ${index + 1} ${reading.reason}` };
        values.push(reading.value);
      }
      return { value: values };
    },
    fromText: (text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    show: (values) => `[${values.map((value) => item.show(value)).join(', ')}]`,
  };
}

function within(
  value: number,
  written: string,
  { min, max }: Range,
  show: (value: number) => string,
): Reading<number> {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return { value };
  return { reason: `is ${written}; allowed are ${show(min)} to ${show(max)}` };
}

export function notA(what: string, value: unknown): { readonly reason: string } {
  return { reason: `is ${shown(value)}, not ${/^an? /.test(what) ? '' : 'a '}${what}` };
}

/** What the operator wrote, short and on one line. */
function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function numberOrText(text: string): unknown {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
