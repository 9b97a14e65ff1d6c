/** `p2pctl keys inspect` says what a file is; `p2pctl keys verify` whether it holds. */
import { resolve } from 'node:path';
import {
  adminProofDocument,
  armorName,
  checkPinned,
  type DocumentKind,
  decodeDocument,
  fingerprintText,
  formatTimestamp,
  genesisDocument,
  keyRotationDocument,
  P2posError,
  pinnedText,
  readPinned,
  releaseManifestDocument,
  revocationDocument,
  shareFromText,
  snapshotDocument,
  systemIdOf,
  type TranscriptReport,
  toHex,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { crypto } from '../keys.ts';
import { isSealedText } from './age-file.ts';
import { describeRequest } from './description.ts';
import { readBytes, readStatementFile, readText } from './key-file.ts';
import { readRequestFile } from './signing.ts';
import { readTranscript } from './transcript-file.ts';

const WARNING_MS = 14 * 86_400_000;

export const inspectFile: Action = async (invocation, [word = ''], flags) => {
  const { terminal, options, folder } = invocation;
  const file = resolve(folder, word);
  if (flags['pin'] === true) {
    terminal.print(pinnedText(await readTranscript(file)).trimEnd());
    return undefined;
  }
  const { what, lines } = await inspect(file);
  if (options.json) terminal.print(JSON.stringify({ what, about: lines }));
  else for (const line of [what, ...lines.map((each) => `  ${each}`)]) terminal.print(line);
  return undefined;
};

interface Finding {
  readonly what: string;
  readonly lines: readonly string[];
}

async function inspect(file: string): Promise<Finding> {
  const text = readText(file);
  if (isSealedText(text)) return { what: 'sealed key', lines: ['opened by its passphrase alone'] };
  if (text.includes('-----BEGIN PRIVATE KEY-----')) {
    return { what: 'private key', lines: ['not sealed: whoever reads this file has the key'] };
  }
  switch (armorName(text)) {
    case 'PUBLIC KEY': {
      const { role, label, key, createdAt } = (await readStatementFile(file)).body;
      return {
        what: 'public key',
        lines: [`role ${role}`, `label ${label}`, `key ${toHex(key)}`, `made ${createdAt}`],
      };
    }
    case 'SIGNING REQUEST':
      return { what: 'signing request', lines: describeRequest(await readRequestFile(file)) };
    case 'SIGNATURE SHARE': {
      const { key, request } = shareFromText(text, crypto);
      return {
        what: 'signature share',
        lines: [`key ${toHex(key)}`, `for the request ${fingerprintText(request)}`],
      };
    }
  }
  if (text.startsWith('{"n":1,'))
    return { what: 'transcript', lines: describeTranscript(await readTranscript(file)) };
  return inspectDocument(readBytes(file));
}

function inspectDocument(bytes: Uint8Array): Finding {
  const kinds: readonly DocumentKind<unknown>[] = [
    genesisDocument,
    adminProofDocument,
    keyRotationDocument,
    revocationDocument,
    snapshotDocument,
    releaseManifestDocument,
  ];
  for (const kind of kinds) {
    try {
      const { hash, body, signatures } = decodeDocument(kind, bytes, crypto);
      const lines = [`hash ${toHex(hash)}`, ...signatures.map(({ key }) => `signed by ${toHex(key)}`)];
      if (kind === genesisDocument) lines.unshift(`system ${systemIdOf(hash)}`);
      const plain = JSON.stringify(body, (_, value: unknown) =>
        value instanceof Uint8Array ? shortened(value) : value,
      );
      return { what: kind.name, lines: [...lines, plain] };
    } catch {
      // Another kind, perhaps.
    }
  }
  throw new P2posError('CEREMONY_FILE_KIND', {
    found: 'nothing that P2POS writes',
    expected: 'file of a ceremony',
  });
}

const shortened = (bytes: Uint8Array) => (bytes.length <= 64 ? toHex(bytes) : `${bytes.length} bytes`);

export const verifyFile: Action = async (invocation, [word = ''], flags) => {
  const { terminal, options, folder } = invocation;
  const { systemId, pinned } = flags as Readonly<Record<string, string | undefined>>;
  const report = await readTranscript(resolve(folder, word), systemId);
  if (pinned !== undefined) checkPinned(readPinned(readText(resolve(folder, pinned))), report);
  if (options.json) {
    const { chain, proofs, entries, head } = report;
    terminal.print(
      JSON.stringify({
        systemId: report.systemId,
        name: report.root.genesis.name,
        version: chain.links.at(-1)?.version,
        keys: [...(chain.links.at(-1)?.keys ?? [])],
        threshold: chain.links.at(-1)?.threshold,
        forked: chain.fork !== undefined,
        proofs: proofs.map(({ document: { body }, window, revoked }) => ({
          serial: body.serial,
          adminPeerId: body.adminPeerId,
          validTo: body.validTo,
          endedBy: window.endedBy ?? null,
          revoked,
        })),
        entries,
        head,
      }),
    );
  } else {
    for (const line of describeTranscript(report)) terminal.print(line);
    terminal.print(terminal.paint('green', 'every signature and every step verifies'));
  }
  return undefined;
};

function describeTranscript({
  systemId,
  root,
  chain,
  proofs,
  statements,
  revocations,
  releases,
  entries,
  head,
}: TranscriptReport): string[] {
  const link = chain.links.at(-1);
  const now = systemClock.now();
  const soon = formatTimestamp(now + WARNING_MS);
  const today = formatTimestamp(now);
  const labels = new Map(statements.map(({ key, label }) => [toHex(key), label]));
  return [
    `system ${root.genesis.name}: ${systemId}`,
    `system keys, version ${link?.version}, ${link?.threshold} of ${link?.keys.size} sign:`,
    ...[...(link?.keys ?? [])].map((key) => `  ${key} ${labels.get(key) ?? ''}`.trimEnd()),
    ...(chain.fork
      ? [`FORKED at version ${chain.fork.version}: two rotations follow one; nothing more may be signed`]
      : []),
    ...proofs.map(({ document: { body }, window, revoked }) => {
      const until = window.endedBy ?? body.validTo;
      const state = revoked ? 'revoked' : until < today ? 'ended' : until < soon ? 'ENDS SOON' : 'valid';
      return `admin ${body.adminPeerId}, serial ${body.serial}: ${state}, until ${until}`;
    }),
    `${revocations.length} revocations, ${releases.length} releases`,
    `${entries} lines; the last one's hash is ${head}`,
  ];
}
