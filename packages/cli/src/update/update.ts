/** `p2pctl update`: looks for a release, lets it go over the system, pauses it, ends it for good. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  decodeDocument,
  P2posError,
  releaseManifestDocument,
  toHex,
  type UpdateStatus,
  updateRoutes,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { readBytes } from '../keys/key-file.ts';
import { crypto } from '../keys.ts';
import { withNode } from '../node-client.ts';
import { digestOf } from '../release/release.ts';
import { renderTable } from '../table.ts';

const MAX_MANIFEST_BYTES = releaseManifestDocument.maxDocumentBytes;
const FETCH_TIMEOUT_MS = 20_000;

export const showUpdate: Action = async (invocation) => {
  const status = await withNode(invocation, ({ client }) =>
    client.call(updateRoutes.status, {}, { signal: invocation.signal }),
  );
  print(invocation, status);
  return undefined;
};

export const checkUpdate: Action = async (invocation, [place = '']) => {
  const { terminal, options, signal } = invocation;
  const body = await manifestAt(invocation, place);
  const found = await withNode(invocation, ({ client }) =>
    client.call(updateRoutes.check, { body }, { signal }),
  );
  if (options.json) terminal.print(JSON.stringify(found));
  else if (found.isNewer)
    terminal.print(
      `release ${found.version} of ${found.channel} can be installed: p2pctl update apply ${place}`,
    );
  else terminal.print(`release ${found.version} of ${found.channel} is not newer than what runs`);
  return undefined;
};

export const applyUpdate: Action = async (invocation, [place = ''], flags) => {
  const { signal, folder } = invocation;
  const body = await manifestAt(invocation, place);
  const file = flags['artefact'] as string | undefined;
  const status = await withNode(invocation, async ({ client, target }) => {
    await client.call(updateRoutes.check, { body }, { signal });
    if (file !== undefined) await handOver(body, resolve(folder, file), target.home);
    return client.call(updateRoutes.apply, { body }, { signal });
  });
  print(invocation, status);
  return undefined;
};

/** Into the node's home, from where it and the other members take it. */
async function handOver(manifest: Uint8Array, file: string, home: string | undefined): Promise<void> {
  if (home === undefined)
    throw usage(
      '--artefact goes with --home: the file is put into the home of the node.',
      'p2pctl update apply MANIFEST --home HOME --artefact FILE',
    );
  const { version, artefacts } = decodeDocument(releaseManifestDocument, manifest, crypto).body;
  const hash = toHex((await digestOf(file)).sha256);
  if (!artefacts.some(({ sha256 }) => toHex(sha256) === hash)) {
    throw new P2posError('RELEASE_ARTEFACT', {
      version,
      reason: `${file} is none of those that the manifest names`,
    });
  }
  const releases = join(home, 'releases');
  mkdirSync(releases, { recursive: true, mode: 0o700 });
  copyFileSync(file, join(releases, hash));
}

const steer =
  (word: 'pause' | 'finalize'): Action =>
  async (invocation) => {
    const options = { signal: invocation.signal };
    const status = await withNode(invocation, ({ client }) =>
      word === 'pause'
        ? client.call(updateRoutes.pause, {}, options)
        : client.call(updateRoutes.finalize, {}, options),
    );
    print(invocation, status);
    return undefined;
  };

export const pauseUpdate = steer('pause');
export const finalizeUpdate = steer('finalize');

/** A file, or an address that serves it. */
async function manifestAt({ folder, signal }: Invocation, place: string): Promise<Uint8Array> {
  if (!/^https?:\/\//.test(place)) return readBytes(resolve(folder, place));
  const fail = (reason: string, cause?: unknown) =>
    new P2posError('FILE_UNREADABLE', { file: place, reason }, { cause });
  try {
    const response = await fetch(place, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
    });
    if (!response.ok) throw fail(`it answered ${response.status}`);
    const bytes = await response.bytes();
    if (bytes.length > MAX_MANIFEST_BYTES) throw fail('it is too large for a manifest');
    return bytes;
  } catch (error) {
    throw error instanceof P2posError
      ? error
      : fail(error instanceof Error ? error.message : String(error), error);
  }
}

function print({ terminal, options }: Invocation, status: UpdateStatus): void {
  if (options.json) {
    terminal.print(JSON.stringify(status));
    return;
  }
  const { running, finalized, rollout, waiting, unsupported, nodes } = status;
  terminal.print(`this node runs ${running}; finalized: ${finalized ?? 'nothing yet'}`);
  if (rollout) {
    const { version, channel, state, reason } = rollout;
    terminal.print(`release ${version} (${channel}): ${state}${reason ? `, ${reason}` : ''}`);
  }
  if (unsupported) terminal.print(`this node does not update itself: ${unsupported}`);
  else if (waiting) terminal.print(`waiting: ${waiting}`);
  terminal.print(
    renderTable(
      ['NODE', 'VERSION', 'PEER ID'],
      nodes.map(({ name, version, peerId }) => [name ?? '–', version ?? '?', peerId]),
    ),
  );
}
