/**
 * The pinned key list: the short text that a key holder keeps apart, to know a system and its keys again. One line each:
 * `system sys1…`, `version 2`, `threshold 3`, `key <64 hex digits>`, `head <hash of the transcript's last line>`.
 */
import { equalBytes } from '../encoding/bytes.ts';
import { fromHex } from '../encoding/hex.ts';
import { P2posError } from '../errors/errors.ts';
import type { SigningRequest } from './request.ts';
import type { TranscriptReport } from './transcript.ts';

export interface Pinned {
  readonly systemId: string;
  readonly version: number;
  readonly threshold: number;
  /** Lower-case hex, in order. */
  readonly keys: readonly string[];
}

export function pinnedText({ systemId, chain, statements, head, root }: TranscriptReport): string {
  const link = chain.links.at(-1);
  const labelOf = (hex: string) => statements.find(({ key }) => equalBytes(key, fromHex(hex)))?.label ?? '';
  const keys = [...(link?.keys ?? [])].sort().map((key) => `key ${key} ${labelOf(key)}`.trimEnd());
  return `# The keys of the P2POS system ${root.genesis.name}. Keep this apart from the key files.
system ${systemId}
version ${link?.version ?? 1}
threshold ${link?.threshold ?? 0}
${keys.join('\n')}
head ${head}
`;
}

/** @throws P2posError CEREMONY_FILE_KIND */
export function readPinned(text: string): Pinned {
  const lines = text.split(/\r?\n/);
  const values = (name: string) =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.split(' ')[1] ?? '');
  const [systemId = ''] = values('system');
  const keys = values('key').sort();
  if (systemId === '' || keys.length === 0 || !keys.every((key) => /^[0-9a-f]{64}$/.test(key))) {
    throw new P2posError('CEREMONY_FILE_KIND', { found: 'something else', expected: 'pinned key list' });
  }
  return { systemId, keys, version: Number(values('version')[0]), threshold: Number(values('threshold')[0]) };
}

/**
 * Newer keys than pinned are fine, since the chain up to them is in the request and was verified; older ones are not.
 *
 * @throws P2posError CEREMONY_SYSTEM
 */
export function checkPinned(
  pinned: Pinned,
  { systemId, chain }: Pick<SigningRequest, 'systemId' | 'chain'>,
): void {
  const refuse = (found: string) => new P2posError('CEREMONY_SYSTEM', { found, expected: pinned.systemId });
  if (systemId !== pinned.systemId) throw refuse(systemId);
  if (!chain) return;
  const link = chain.links[pinned.version - 1];
  if (!link) throw refuse(`${systemId} with keys of version ${chain.links.length}, older than those pinned`);
  const same = [...link.keys].sort().join() === pinned.keys.join() && link.threshold === pinned.threshold;
  if (!same) throw refuse(`${systemId} with other keys of version ${pinned.version}`);
}
