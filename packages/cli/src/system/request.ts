/** `proof request`, `system rotate`, `system revoke`: what the system keys are asked to sign next. */
import { resolve } from 'node:path';
import {
  type CeremonyKind,
  createRequest,
  type DocumentHash,
  decodeDocument,
  equalBytes,
  isPeerId,
  type KeyRotation,
  keyRotationDocument,
  P2posError,
  proofBody,
  publicKeyFromPeerId,
  type Revocation,
  requestToText,
  revocationBody,
  rotationBody,
  type Scope,
  type SigningRequest,
  scopeSchema,
  serialSchema,
  signWithAll,
  type TranscriptReport,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { describeRequest } from '../keys/description.ts';
import { openKeyFile, readBytes, readStatementFile, writeNew } from '../keys/key-file.ts';
import { createPassphrases } from '../keys/passphrase.ts';
import { keep } from '../keys/signing.ts';
import { readTranscript } from '../keys/transcript-file.ts';
import { crypto } from '../keys.ts';
import { requireDistinct } from './create.ts';

type Flags = Readonly<Record<string, unknown>>;

export const requestProof: Action = (invocation, _args, flags) =>
  ask(invocation, flags, 'admin-proof', async (report) => {
    const { days, renew, admin } = flags as Readonly<Record<string, string | undefined>>;
    const old =
      renew === undefined ? undefined : report.proofs.find(({ document }) => document.body.serial === renew);
    if (renew !== undefined && !old)
      throw usage(`The transcript holds no admin proof ${renew}.`, 'p2pctl keys verify transcript.jsonl');
    if (admin === undefined && !old)
      throw usage('Say who: --admin FILE.pub, or --renew SERIAL', 'p2pctl proof request --admin admin.pub');
    if (days !== undefined && !/^[1-9]\d{0,2}$/.test(days))
      throw usage('--days is a whole number.', 'p2pctl proof request --days 90');
    const key =
      admin === undefined
        ? publicKeyFromPeerId(old?.document.body.adminPeerId ?? '')
        : (await readStatementFile(resolve(invocation.folder, admin), 'admin')).body.key;
    const scopes = scopesOf(flags['scope']) ?? old?.document.body.scopes;
    return proofBody({
      systemId: report.systemId,
      admin: key,
      nowMs: systemClock.now(),
      ...(scopes && { scopes }),
      ...(days !== undefined && { days: Number(days) }),
    });
  });

function scopesOf(value: unknown): readonly Scope[] | undefined {
  if (value === undefined) return undefined;
  return (value as readonly string[]).map((text) => {
    const result = scopeSchema.safeParse(text);
    if (result.success) return result.data;
    throw usage(
      `${text} is no scope: it ${result.error.issues[0]?.message}.`,
      'p2pctl proof request --scope members:add@eu',
    );
  });
}

export const requestRotation: Action = async (invocation, _args, flags) => {
  const { again } = flags as Readonly<Record<string, string | undefined>>;
  if (again === undefined) return requestNewRotation(invocation, flags);
  const { body } = decodeDocument(keyRotationDocument, readBytes(resolve(invocation.folder, again)), crypto);
  const root = ({ rootDocuments }: TranscriptReport) => rootUpTo(rootDocuments, body.previous);
  return ask(invocation, flags, 'rotation', async () => body, root);
};

/** Genesis and the rotations that lead to a document, without those beside them. */
function rootUpTo([genesis, ...others]: readonly Uint8Array[], last: DocumentHash): Uint8Array[] {
  const rotations = others.map((bytes) => decodeDocument(keyRotationDocument, bytes, crypto));
  const path: Uint8Array[] = [];
  let hash = last;
  for (;;) {
    // Of two copies the later one has more signatures.
    const found = rotations.findLast((one) => equalBytes(one.hash, hash));
    if (!found) return genesis ? [genesis, ...path] : path;
    path.unshift(found.bytes);
    hash = found.body.previous;
  }
}

const requestNewRotation = (invocation: Invocation, flags: Flags) =>
  ask(invocation, flags, 'rotation', async (report): Promise<KeyRotation> => {
    const files = (flags['publicKeys'] ?? []) as readonly string[];
    if (files.length === 0)
      throw usage(
        'Name the new keys: --public-keys A.pub B.pub …',
        'p2pctl system rotate --public-keys A.pub',
      );
    const statements = await Promise.all(
      files.map((file) => readStatementFile(resolve(invocation.folder, file), 'system')),
    );
    const keys = statements.map(({ body }) => body.key);
    requireDistinct(keys);
    const threshold = Number(flags['threshold'] ?? Math.floor(keys.length / 2) + 1);
    const kept = keptBy(flags, report);
    const { systemId, chain } = report;
    return rotationBody({ systemId, chain, nowMs: systemClock.now() }, { keys, threshold, ...kept });
  });

/** What of the keys before goes on under the new ones, by hash. */
function keptBy(flags: Flags, { proofs, revocations }: TranscriptReport) {
  const named = (flags['keep'] ?? []) as readonly string[];
  const unknown = named.find((serial) => !proofs.some(({ document }) => document.body.serial === serial));
  if (unknown !== undefined)
    throw usage(`The transcript holds no admin proof ${unknown}.`, 'p2pctl keys verify transcript.jsonl');
  return {
    keptProofs: proofs
      .filter(({ document, revoked }) =>
        flags['keepAll'] === true ? !revoked : named.includes(document.body.serial),
      )
      .map(({ document }) => document.hash),
    keptRevocations: revocations.map(({ hash }) => hash),
  };
}

export const requestRevocation: Action = (invocation, _args, flags) =>
  ask(invocation, flags, 'revocation', async (report): Promise<Revocation> => {
    const serials = ((flags['serial'] ?? []) as readonly string[]).map((text) => {
      if (serialSchema.safeParse(text).success) return text;
      throw usage(`${text} is no serial: 32 hex digits.`, 'p2pctl keys verify transcript.jsonl');
    });
    const peerIds = (flags['peer'] ?? []) as readonly string[];
    const stranger = peerIds.find((peerId) => !isPeerId(peerId));
    if (stranger !== undefined) throw new P2posError('PEER_ID_INVALID', { peerId: stranger });
    if (serials.length + peerIds.length === 0)
      throw usage(
        'Say what is taken back: --serial SERIAL or --peer PEERID',
        'p2pctl system revoke --serial SERIAL',
      );
    const good = flags['lastGood'] as string | undefined;
    if (good !== undefined && !/^[0-9a-f]{64}$/.test(good))
      throw usage('--last-good is the hash of a snapshot: 64 hex digits.', 'p2pctl members list --json');
    const epoch = Math.max(0, ...report.revocations.map(({ body }) => body.epoch)) + 1;
    return revocationBody(
      { systemId: report.systemId, nowMs: systemClock.now() },
      { epoch, serials: serials.map((serial) => ({ serial, lastGood: good })), peerIds },
    );
  });

export const requestRelease = (
  invocation: Invocation,
  flags: Flags,
  body: () => Promise<unknown>,
): Promise<undefined> => ask(invocation, flags, 'release', body);

/** Writes the request; with --key files that suffice, the signed document at once. */
async function ask(
  invocation: Invocation,
  flags: Flags,
  kind: CeremonyKind,
  body: (report: TranscriptReport) => Promise<unknown>,
  root = ({ chain, rootDocuments }: TranscriptReport): readonly Uint8Array[] => {
    if (chain.fork && kind !== 'release')
      throw new P2posError('ROOT_FORKED', { previous: chain.fork.parent });
    return rootDocuments;
  },
): Promise<undefined> {
  const { folder, terminal, options } = invocation;
  const transcript = resolve(folder, (flags['transcript'] as string | undefined) ?? 'transcript.jsonl');
  const report = await readTranscript(transcript);
  const rootDocuments = root(report);
  const request = await createRequest(kind, await body(report), rootDocuments, crypto);
  const keyFiles = (flags['key'] ?? []) as readonly string[];
  const out =
    (flags['out'] as string | undefined) ??
    `${kind}-${request.fingerprint.slice(0, 8)}.${keyFiles.length > 0 ? 'cbor' : 'request'}`;
  const file = resolve(folder, out);
  if (keyFiles.length > 0) {
    const document = await signWith(invocation, flags, request, keyFiles);
    writeNew(file, document);
    await keep(transcript, request, document);
  } else writeNew(file, requestToText(request, crypto));
  const made = keyFiles.length > 0 ? 'signed document' : 'request';
  if (options.json) {
    const { fingerprint, systemId } = request;
    terminal.print(JSON.stringify({ kind, systemId, fingerprint, made, file, serial: serialOf(request) }));
    return undefined;
  }
  for (const line of describeRequest(request)) terminal.say(line);
  terminal.print(`${made}: ${file}`);
  if (keyFiles.length === 0) {
    terminal.print(`each holder: p2pctl keys sign ${out} --key THEIR.key --system-id ${request.systemId}`);
    terminal.print(`then: p2pctl keys combine ${out} SHARES… --out ${kind}.cbor --transcript ${transcript}`);
  }
  return undefined;
}

async function signWith(
  invocation: Invocation,
  flags: Flags,
  request: SigningRequest,
  files: readonly string[],
): Promise<Uint8Array> {
  const passphrases = createPassphrases(invocation, flags['passphraseFile'] as string | undefined);
  const signers = [];
  for (const [index, file] of files.entries()) {
    signers.push(await openKeyFile(resolve(invocation.folder, file), (name) => passphrases.of(name, index)));
  }
  return signWithAll(request, signers, crypto);
}

function serialOf({ kind, body }: SigningRequest): string | null {
  return kind === 'admin-proof' ? (body as { readonly serial: string }).serial : null;
}
