/** `p2pctl keys sign` and `keys combine`: what key holders do with the files that are passed around. */
import { resolve } from 'node:path';
import {
  CEREMONY_KINDS,
  checkPinned,
  combineShares,
  fingerprintText,
  formatTimestamp,
  isSystemId,
  P2posError,
  readPinned,
  requestFromText,
  type SigningRequest,
  shareFromText,
  shareToText,
  signRequest,
  toHex,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import { EXIT, type Invocation } from '../invocation.ts';
import { crypto } from '../keys.ts';
import { describeRequest } from './description.ts';
import { openKeyFile, readText, writeNew } from './key-file.ts';
import { createPassphrases } from './passphrase.ts';
import { keepInTranscript } from './transcript-file.ts';

type Flags = Readonly<Record<string, unknown>>;

export const signFile: Action = async (invocation, [word = ''], flags) => {
  const { key, out, passphraseFile, qr } = flags as Readonly<Record<string, string | undefined>>;
  const { terminal, folder, options } = invocation;
  if (key === undefined) throw usage('Say with which key: --key FILE', 'p2pctl keys sign REQUEST --key FILE');
  const request = await readRequestFile(resolve(folder, word));
  requireSystem(invocation, request, flags);
  for (const line of describeRequest(request)) terminal.say(line);
  if (flags['yes'] !== true && !(terminal.isKeyboard && (await terminal.confirm('Sign this?')))) {
    throw new P2posError('CEREMONY_NOT_CONFIRMED');
  }
  const passphrases = createPassphrases(invocation, passphraseFile);
  const signer = await openKeyFile(resolve(folder, key), passphrases.of);
  const share = await signRequest(request, signer);
  const text = shareToText(share, crypto);
  const file = resolve(
    folder,
    out ?? `${word.replace(/\.(request|txt)$/, '')}.${toHex(share.key).slice(0, 8)}.share`,
  );
  writeNew(file, text);
  if (options.json) {
    terminal.print(
      JSON.stringify({ kind: request.kind, key: toHex(share.key), fingerprint: request.fingerprint, file }),
    );
  } else {
    terminal.print(`signed; hand back: ${file}`);
    if (qr) terminal.print(await qrOf(text));
  }
  return undefined;
};

async function qrOf(text: string): Promise<string> {
  const qr = await import('qrcode');
  return qr.toString(text.slice(text.indexOf('-----BEGIN')), { type: 'utf8', errorCorrectionLevel: 'L' });
}

/** A request names its own system, so who signs must know which one they mean. */
function requireSystem({ folder }: Invocation, request: SigningRequest, flags: Flags): void {
  const { systemId, pinned } = flags as Readonly<Record<string, string | undefined>>;
  if (pinned !== undefined) {
    checkPinned(readPinned(readText(resolve(folder, pinned))), request);
    return;
  }
  if (systemId !== undefined) {
    if (!isSystemId(systemId)) throw new P2posError('SYSTEM_ID_INVALID', { systemId });
    if (systemId !== request.systemId) {
      throw new P2posError('CEREMONY_SYSTEM', { found: request.systemId, expected: systemId });
    }
    return;
  }
  // A genesis makes the system; its holders compare the fingerprint.
  if (request.kind !== 'genesis') throw new P2posError('CEREMONY_UNPINNED', { systemId: request.systemId });
}

export const combineFiles: Action = async (invocation, [words], flags) => {
  const [requestWord = '', ...shareWords] = words as unknown as readonly string[];
  const { folder, terminal, options } = invocation;
  const { out, transcript } = flags as Readonly<Record<string, string | undefined>>;
  const request = await readRequestFile(resolve(folder, requestWord));
  const shares = shareWords.map((word) => shareFromText(readText(resolve(folder, word)), crypto));
  const bytes = await combineShares(request, shares, crypto);
  const file = resolve(folder, out ?? `${requestWord.replace(/\.(request|txt)$/, '')}.cbor`);
  writeNew(file, bytes);
  if (transcript !== undefined) await keep(resolve(folder, transcript), request, bytes);
  if (options.json) {
    terminal.print(
      JSON.stringify({ kind: request.kind, systemId: request.systemId, signatures: shares.length, file }),
    );
  } else {
    terminal.print(`${CEREMONY_KINDS[request.kind].name} with ${shares.length} signatures: ${file}`);
    terminal.print(`request ${fingerprintText(request.fingerprint)}`);
  }
  return EXIT.done;
};

export function keep(file: string, { kind }: SigningRequest, document: Uint8Array): Promise<void> {
  return keepInTranscript(file, [{ at: formatTimestamp(systemClock.now()), kind, document }]);
}

export function readRequestFile(file: string): Promise<SigningRequest> {
  return requestFromText(readText(file), crypto);
}
