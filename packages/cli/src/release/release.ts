/** `p2pctl release create|verify`: the signed manifest of a release. The release keys sign as the system keys do, by requests and shares. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  decodeDocument,
  formatTimestamp,
  P2posError,
  parseDuration,
  type ReleaseArtefact,
  type ReleaseManifest,
  releaseManifestDocument,
  requireThreshold,
  toHex,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import { reasonOf } from '../json-file.ts';
import { readBytes } from '../keys/key-file.ts';
import { readTranscript } from '../keys/transcript-file.ts';
import { crypto } from '../keys.ts';
import { requestRelease } from '../system/request.ts';

type Texts = Readonly<Record<string, string | undefined>>;

export const createRelease: Action = (invocation, _args, flags) =>
  requestRelease(invocation, flags, async (): Promise<ReleaseManifest> => {
    const { release, channel = 'stable', minFrom, expires = '90d' } = flags as Texts;
    if (release === undefined) throw usage('Say which: --release 1.2.3', 'p2pctl release sign --help');
    const now = systemClock.now();
    const files = (flags['artefact'] ?? []) as readonly string[];
    const urls = (flags['url'] ?? []) as readonly string[];
    if (files.length === 0)
      throw usage('Name what is installed: --artefact any=FILE', 'p2pctl release sign --help');
    return {
      format: 1,
      version: release,
      channel,
      minFrom: minFrom ?? release,
      createdAt: formatTimestamp(now),
      expires: formatTimestamp(now + parseDuration(expires)),
      artefacts: await Promise.all(files.map((text) => artefactOf(text, invocation.folder, urls))),
    };
  });

/** `any=FILE` or `linux-x64=FILE`; a file alone is for any. */
async function artefactOf(text: string, folder: string, urls: readonly string[]): Promise<ReleaseArtefact> {
  const [, platform = 'any', name = ''] = /^(?:([a-z0-9-]+)=)?(.+)$/s.exec(text) ?? [];
  const file = resolve(folder, name);
  const { sha256, bytes } = await digestOf(file);
  return {
    platform,
    sha256,
    bytes,
    urls: urls.flatMap((url) =>
      url.startsWith(`${platform}=`) ? url.slice(platform.length + 1) : url.startsWith('http') ? url : [],
    ),
  };
}

export async function digestOf(
  file: string,
): Promise<{ readonly sha256: Uint8Array; readonly bytes: number }> {
  try {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
    return { sha256: new Uint8Array(hash.digest()), bytes: (await stat(file)).size };
  } catch (cause) {
    throw new P2posError('FILE_UNREADABLE', { file, reason: reasonOf(cause) }, { cause });
  }
}

export const verifyRelease: Action = async (invocation, [word = ''], flags) => {
  const { terminal, options, folder } = invocation;
  const { transcript = 'transcript.jsonl', systemId } = flags as Texts;
  const { root } = await readTranscript(resolve(folder, transcript), systemId);
  const document = decodeDocument(releaseManifestDocument, readBytes(resolve(folder, word)), crypto);
  const { releaseKeys: keys, releaseThreshold: threshold } = root.genesis;
  await requireThreshold(releaseManifestDocument, document, { keys, threshold }, crypto);
  const { version, channel, expires, artefacts } = document.body;
  if (expires <= formatTimestamp(systemClock.now()))
    throw new P2posError('RELEASE_EXPIRED', { version, expires });
  for (const file of (flags['artefact'] ?? []) as readonly string[]) {
    const { sha256 } = await digestOf(resolve(folder, file));
    if (!artefacts.some((artefact) => toHex(artefact.sha256) === toHex(sha256))) {
      throw new P2posError('RELEASE_ARTEFACT', {
        version,
        reason: `${file} is none of those that the manifest names`,
      });
    }
  }
  if (options.json)
    terminal.print(JSON.stringify({ version, channel, expires, artefacts: artefacts.length }));
  else terminal.print(`release ${version} of ${channel} is signed by enough release keys, until ${expires}`);
  return undefined;
};
