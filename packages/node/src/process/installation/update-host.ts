/** This machine's side of an update: artefacts in the home, versions in the installation's folder, the launcher's state. */
import { execFile } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  access,
  constants,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  compareSoftwareVersions,
  isP2posError,
  P2posError,
  type ReleaseArtefact,
  toHex,
} from '@p2pos/protocol';
import { unpack } from './archive.ts';
import { readState, writeState } from './state.ts';
import { syncPlace, syncTree } from './tree-sync.ts';

export interface UpdateHostConfig {
  /** Holds `versions/` and `state.json`; the launcher runs what is there. */
  readonly folder: string;
  /** Of the node, for what was downloaded. */
  readonly home: string;
  /** That runs. */
  readonly version: string;
  /** From a start of a new version until it must be healthy. */
  readonly trialMs: number;
  readonly restart: () => void;
}

const START_TIMEOUT_MS = 30_000;
/** Holds the hash of the artefact that a version was unpacked from; there once all of it is on disk. */
const MARK = '.verified';
/** Versions kept besides the one that runs. */
const KEPT_VERSIONS = 2;
const ENTRY = 'packages/node/bin/p2pos-node.mjs';

/** Looks once whether the folder is the launcher's, and whether it may be written. */
export async function openUpdateHost({ folder, home, version, trialMs, restart }: UpdateHostConfig) {
  const releases = join(home, 'releases');
  const versions = join(folder, 'versions');
  const fileOf = (sha256: Uint8Array) => join(releases, toHex(sha256));
  const unsupported = await obstacleTo(folder, version);

  async function keep(
    artefact: ReleaseArtefact,
    of: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const refuse = (reason: string, cause?: unknown) =>
      new P2posError('RELEASE_ARTEFACT', { version: of, reason }, { cause });
    await mkdir(releases, { recursive: true, mode: 0o700 });
    const draft = `${fileOf(artefact.sha256)}.part`;
    const hash = createHash('sha256');
    try {
      await using file = await open(draft, 'w', 0o600);
      let size = 0;
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > artefact.bytes)
          throw refuse(`it is larger than the ${artefact.bytes} bytes that the manifest names`);
        hash.update(chunk);
        // Not write, which may take a part of it.
        await file.writeFile(chunk);
      }
      await file.sync();
      if (size !== artefact.bytes) throw refuse(`it has ${size} bytes, not ${artefact.bytes}`);
      requireHash(hash, artefact, refuse);
    } catch (error) {
      await rm(draft, { force: true });
      throw isP2posError(error)
        ? error
        : refuse(error instanceof Error ? error.message : String(error), error);
    }
    await rename(draft, fileOf(artefact.sha256));
  }

  /** The disk may have changed since it was kept; what did is removed, to be fetched anew. */
  async function verify(artefact: ReleaseArtefact, of: string): Promise<void> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(fileOf(artefact.sha256))) hash.update(chunk as Buffer);
      requireHash(hash, artefact, (reason) => new Error(reason));
    } catch (error) {
      await rm(fileOf(artefact.sha256), { force: true });
      throw unusable(of, error);
    }
  }

  async function stage(artefact: ReleaseArtefact, of: string): Promise<void> {
    const target = join(versions, of);
    // Another artefact may carry the same version.
    const mark = toHex(artefact.sha256);
    if ((await readFile(join(target, MARK), 'utf8').catch(() => '')).trim() === mark) return;
    await verify(artefact, of);
    const draft = join(versions, `.draft-${of}`);
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft, { recursive: true });
    try {
      await unpack(fileOf(artefact.sha256), draft);
      const said = await versionOf(draft);
      if (said !== of) throw new Error(`it holds version ${said.slice(0, 40)}`);
      await writeFile(join(draft, MARK), `${mark}\n`);
      await syncTree(draft);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw unusable(of, error);
    }
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
    await syncPlace(versions);
  }

  async function versionOf(place: string): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [join(place, ENTRY), '--version'], {
      timeout: START_TIMEOUT_MS,
    });
    return stdout.trim();
  }

  /** The newest few besides what runs stay, to go back to. */
  async function sweep(): Promise<void> {
    const names = (await readdir(versions).catch(() => [])).filter(
      (name) => name !== version && !name.startsWith('.'),
    );
    const old = names.toSorted(compareSoftwareVersions).slice(0, -KEPT_VERSIONS);
    for (const name of old) await rm(join(versions, name), { recursive: true, force: true });
  }

  return {
    platform: `${process.platform}-${process.arch}`,
    unsupported,
    async trial() {
      const state = await readState(folder);
      return state?.trial && state.current === version ? { version, from: state.trial.from } : undefined;
    },
    failure: async () => (await readState(folder))?.failed,
    async forget() {
      const { failed, ...rest } = (await readState(folder)) ?? { current: version };
      if (failed) await writeState(folder, rest);
    },
    has: async ({ sha256, bytes }: ReleaseArtefact) =>
      (await stat(fileOf(sha256)).catch(() => undefined))?.size === bytes,
    async read(sha256: Uint8Array, offset: number, maxBytes: number) {
      try {
        await using file = await open(fileOf(sha256));
        const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, offset);
        return new Uint8Array(buffer.subarray(0, bytesRead));
      } catch {
        return undefined;
      }
    },
    keep,
    async *fetch(url: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
      const response = await fetch(url, { signal, redirect: 'follow' });
      if (!response.ok || !response.body) throw new Error(`it answered ${response.status}`);
      yield* response.body;
    },
    stage,
    async activate(of: string) {
      await writeState(folder, { current: of, trial: { from: version, timeoutMs: trialMs, starts: 0 } });
    },
    async confirm() {
      await writeState(folder, { current: version });
      await sweep();
    },
    restart,
  };
}

function requireHash(hash: Hash, { sha256 }: ReleaseArtefact, refuse: (reason: string) => Error): void {
  const found = hash.digest('hex');
  if (found !== toHex(sha256)) throw refuse(`its hash is ${found}, not ${toHex(sha256)}`);
}

async function obstacleTo(folder: string, version: string): Promise<string | undefined> {
  const state = await readState(folder);
  if (!state) return `${folder} holds no installation`;
  if (state.current !== version) return `the launcher runs ${state.current}, this is ${version}`;
  try {
    await access(join(folder, 'versions'), constants.W_OK);
  } catch {
    return `${join(folder, 'versions')} cannot be written`;
  }
  const manifest = await readFile(
    join(folder, 'versions', version, 'packages/node/package.json'),
    'utf8',
  ).catch(() => '');
  return manifest === '' ? `${version} does not lie in ${folder}` : undefined;
}

function unusable(version: string, error: unknown): P2posError {
  const reason = error instanceof Error ? error.message : String(error);
  return new P2posError('RELEASE_ARTEFACT', { version, reason }, { cause: error });
}
