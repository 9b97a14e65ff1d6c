/** The path and query of a request as its bytes were sent: split first, then percent-decoded exactly once. */
import { P2posError } from '@p2pos/protocol';

const MAX_QUERY_FIELDS = 64;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface RequestTarget {
  readonly path: string;
  readonly query: string;
}

/** Everything up to the first `?`, and after it; a whole URL (RFC 9112 §3.2.2) counts from its path on. */
export function splitTarget(target: string): RequestTarget {
  const url = target.replace(/^https?:\/\/[^/?]*/i, '');
  const at = url.indexOf('?');
  return at === -1 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at + 1) };
}

/** Undefined where an escape is broken or the bytes are not UTF-8. Node hands over bytes as Latin-1 characters. */
export function percentDecode(text: string): string | undefined {
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    let byte = text.charCodeAt(at);
    if (byte === 0x25) {
      const hex = text.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(hex)) return undefined;
      byte = Number.parseInt(hex, 16);
      at += 2;
    }
    if (byte > 0xff) return undefined;
    bytes[length++] = byte;
  }
  try {
    return strictUtf8.decode(bytes.subarray(0, length));
  } catch {
    return undefined;
  }
}

/** The raw texts of the path's params by name, or undefined where the path does not have the route's form. */
export function matchPath(template: string, path: string): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  const expected = template.split('/');
  const given = path.split('/');
  for (const [index, part] of expected.entries()) {
    const name = /^\{(\w+)(\+?)\}$/.exec(part);
    if (given[index] === undefined) return undefined;
    if (name?.[2] === '+') {
      params[name[1] as string] = given.slice(index).join('/');
      return params;
    }
    if (name) params[name[1] as string] = given[index];
    else if (percentDecode(given[index]) !== part) return undefined;
  }
  return given.length === expected.length ? params : undefined;
}

/** Decoded fields of the `known` names; `+` is a space, as browsers write it. @throws P2posError BAD_REQUEST */
export function parseQuery(query: string, known: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  const pairs = query.split('&').filter((pair) => pair !== '');
  if (pairs.length > MAX_QUERY_FIELDS) refuse(`The query has more than ${MAX_QUERY_FIELDS} parameters.`);
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const [rawName, rawValue] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    const name = percentDecode(rawName.replaceAll('+', ' '));
    const value = percentDecode(rawValue.replaceAll('+', ' '));
    if (name === undefined || !known.includes(name)) {
      const rest = known.length > 0 ? `It takes ${known.join(', ')}.` : 'It takes none.';
      refuse(`Unknown query parameter ${JSON.stringify((name ?? rawName).slice(0, 100))}. ${rest}`);
    } else if (fields.has(name)) {
      refuse(`The query parameter ${name} is given twice.`);
    } else if (value === undefined) {
      refuse(`The query parameter ${name} is not percent-encoded UTF-8.`);
    } else {
      fields.set(name, value);
    }
  }
  return fields;
}

function refuse(reason: string): never {
  throw new P2posError('BAD_REQUEST', { reason });
}
