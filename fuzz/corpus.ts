/** Inputs that reach code which others do not: one file a target, one base64 line an input, sorted. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The shortest are kept; more would only make the tests slower. */
const MAX_INPUTS = 300;

const fileOf = (target: string) => join(import.meta.dirname, 'corpus', `${target}.txt`);

export function readCorpus(target: string): Uint8Array[] {
  const file = fileOf(target);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => new Uint8Array(Buffer.from(line, 'base64')));
}

export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const shortest = inputs.toSorted((a, b) => a.length - b.length).slice(0, MAX_INPUTS);
  const lines = new Set(shortest.map((input) => Buffer.from(input).toString('base64')));
  writeFileSync(fileOf(target), `${[...lines].sort().join('\n')}\n`);
}
