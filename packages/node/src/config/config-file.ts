/** `node.toml`: its values by key, and the line of each. */
import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import type { Problem } from './problem.ts';

export interface FileValues {
  /** By dotted key, two levels deep: an empty section, or what is in none, stands under its own name. */
  readonly values: ReadonlyMap<string, unknown>;
  /** `file:line` of a key, or the file alone where the line cannot be told. */
  placeOf(key: string): string;
}

/** Far more than all settings take; a file beyond is none of ours. */
const MAX_BYTES = 1024 * 1024;

/** An absent file sets nothing. */
export function readConfigFile(file: string): FileValues | Problem {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { values: new Map(), placeOf: () => file };
    return { place: file, key: 'the file', reason: `cannot be read: ${messageOf(error)}` };
  }
  if (bytes.length > MAX_BYTES)
    return { place: file, key: 'the file', reason: `has ${bytes.length} bytes; allowed are ${MAX_BYTES}` };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { values: flatten(parse(text)), placeOf: locator(file, text) };
  } catch (error) {
    if (error instanceof TomlError) {
      const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '') ?? '';
      return {
        place: `${file}:${error.line}:${error.column}`,
        key: 'this line',
        reason: `is not valid TOML: ${reason}`,
      };
    }
    return { place: file, key: 'the file', reason: `is not UTF-8 text: ${messageOf(error)}` };
  }
}

function flatten(document: Record<string, unknown>): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [section, content] of Object.entries(document)) {
    const entries = isTable(content) ? Object.entries(content) : [];
    if (entries.length === 0) values.set(section, content);
    for (const [name, value] of entries) values.set(`${section}.${name}`, value);
  }
  return values;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** By plain reading of lines; a key that it cannot find (inside an inline table, say) has the place of its section. */
function locator(file: string, text: string): (key: string) => string {
  const lines = new Map<string, number>();
  let section = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line)?.[1];
    const name = /^\s*([\w."' -]+?)\s*=/.exec(line)?.[1];
    if (header !== undefined) section = unquoted(header);
    const key = header === undefined ? [section, unquoted(name ?? '')].filter(Boolean).join('.') : section;
    if ((header !== undefined || name !== undefined) && !lines.has(key)) lines.set(key, index + 1);
  }
  return (key) => {
    const line = lines.get(key) ?? lines.get(key.split('.')[0] ?? '');
    return line === undefined ? file : `${file}:${line}`;
  };
}

function unquoted(key: string): string {
  return key.replaceAll(/["']/g, '').replaceAll(/\s*\.\s*/g, '.');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
