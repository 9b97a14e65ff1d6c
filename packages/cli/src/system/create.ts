/**
 * `p2pctl system create`: the ceremony that founds a system. Either all keys are made here, each in its sealed file, or the
 * public halves of keys made elsewhere are named, and a request goes to their holders.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import {
  appendToTranscript,
  createRequest,
  formatTimestamp,
  foundSystem,
  genesisBody,
  type KeyRole,
  P2posError,
  pinnedText,
  requestToText,
  type SigningRequest,
  type StatedKey,
  stateKey,
  type TranscriptEntry,
  toHex,
} from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { replaceFile } from '../json-file.ts';
import { publicFileOf } from '../keys/create.ts';
import { createSealedKey, readStatementFile, readText, writeNew } from '../keys/key-file.ts';
import { createPassphrases, type Passphrases } from '../keys/passphrase.ts';
import { readTranscript } from '../keys/transcript-file.ts';
import { crypto } from '../keys.ts';
import { type SystemFolder, systemFolderOf } from './folder.ts';

interface Plan {
  readonly name: string;
  readonly keys: number;
  readonly threshold: number;
  readonly releaseKeys: number;
  readonly releaseThreshold: number;
}

export const createSystem: Action = async (invocation, [word], flags) => {
  const { folder } = invocation;
  const place = systemFolderOf(resolve(folder, word ?? 'system'));
  if (existsSync(place.genesis) || existsSync(place.genesisRequest)) {
    throw new P2posError('CEREMONY_FILE_EXISTS', { file: place.folder });
  }
  mkdirSync(place.folder, { recursive: true, mode: 0o700 });
  const publicKeys = (flags['publicKeys'] ?? []) as readonly string[];
  return publicKeys.length > 0
    ? askHolders(invocation, place, publicKeys, flags)
    : makeHere(invocation, place, flags);
};

/** Throws COMMAND_USAGE unless more than half must sign. */
function planOf(flags: Readonly<Record<string, unknown>>, keys: number, releaseKeys: number): Plan {
  const name = String(flags['name'] ?? 'p2pos');
  const threshold = count(flags['threshold'], 'threshold', majorityOf(keys));
  const releaseThreshold = count(flags['releaseThreshold'], 'release-threshold', majorityOf(releaseKeys));
  for (const [what, k, n] of [
    ['threshold', threshold, keys],
    ['release-threshold', releaseThreshold, releaseKeys],
  ] as const) {
    if (n > 0 && k * 2 > n && k <= n) continue;
    if (n === 0 && k === 0) continue;
    throw usage(
      `--${what} ${k} of ${n}: more than half must sign, and at most all.`,
      'p2pctl system create --keys 5 --threshold 3',
    );
  }
  return { name, keys, threshold, releaseKeys, releaseThreshold };
}

const majorityOf = (keys: number) => (keys === 0 ? 0 : Math.floor(keys / 2) + 1);

function count(value: unknown, flag: string, fallback: number): number {
  if (value === undefined) return fallback;
  if (/^\d{1,2}$/.test(String(value)) && Number(value) <= 32) return Number(value);
  throw usage(`--${flag} is a number up to 32.`, 'p2pctl system create --keys 5 --threshold 3');
}

async function makeHere(
  invocation: Invocation,
  place: SystemFolder,
  flags: Readonly<Record<string, unknown>>,
): Promise<undefined> {
  const keys = count(flags['keys'], 'keys', 1);
  const plan = planOf(flags, keys, count(flags['releaseKeys'], 'release-keys', keys));
  const passphrases = createPassphrases(invocation, flags['passphraseFile'] as string | undefined);
  const system = await makeKeys(place, 'system', plan.keys, passphrases, 0);
  const release = await makeKeys(place, 'release', plan.releaseKeys, passphrases, plan.keys);
  const [admin] = await makeKeys(place, 'admin', 1, passphrases, plan.keys + plan.releaseKeys);
  if (!admin) throw new Error('unreachable: one key was asked for');
  const { threshold, releaseThreshold, name } = plan;
  const founding = await foundSystem(
    { name, threshold, releaseThreshold, nowMs: systemClock.now() },
    { system, release, admin },
    crypto,
  );
  writeNew(place.genesis, founding.genesis.bytes);
  replaceFile(place.adminProof, founding.proof.bytes);
  replaceFile(place.transcript, founding.transcript);
  replaceFile(place.pinned, pinnedText(await readTranscript(place.transcript)));
  announce(invocation, place, { systemId: founding.systemId, plan, proof: founding.proof.body });
  return undefined;
}

async function makeKeys(
  place: SystemFolder,
  role: KeyRole,
  number: number,
  passphrases: Passphrases,
  firstLine: number,
): Promise<StatedKey[]> {
  const made: StatedKey[] = [];
  for (let index = 0; index < number; index++) {
    const name = role === 'admin' ? 'admin' : `${role}-${index + 1}`;
    const file = place.key(name);
    const signer = await createSealedKey(file, await passphrases.fresh(basename(file), firstLine + index));
    const key = await stateKey(signer, { role, label: name }, systemClock.now(), crypto);
    writeNew(publicFileOf(file), key.text);
    made.push(key);
  }
  return made;
}

/** The holders sign; `keys combine` makes the genesis of it. */
async function askHolders(
  { terminal, options, folder }: Invocation,
  place: SystemFolder,
  files: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<undefined> {
  const system = await Promise.all(files.map((file) => readStatementFile(resolve(folder, file), 'system')));
  const releaseFiles = (flags['releasePublicKeys'] ?? []) as readonly string[];
  const release = await Promise.all(
    releaseFiles.map((file) => readStatementFile(resolve(folder, file), 'release')),
  );
  requireDistinct([...system, ...release].map(({ body }) => body.key));
  const plan = planOf(flags, system.length, release.length);
  const now = systemClock.now();
  const request: SigningRequest = await createRequest(
    'genesis',
    genesisBody(
      { ...plan, nowMs: now },
      system.map(({ body }) => body.key),
      release.map(({ body }) => body.key),
    ),
    [],
    crypto,
  );
  writeNew(place.genesisRequest, requestToText(request, crypto));
  const entries = [...system, ...release].map(({ bytes }): TranscriptEntry => {
    return { at: formatTimestamp(now), kind: 'key', document: bytes };
  });
  await keepStatements(place, entries);
  const { systemId } = request;
  if (options.json) {
    terminal.print(JSON.stringify({ systemId, request: place.genesisRequest, transcript: place.transcript }));
    return undefined;
  }
  terminal.print(
    `the system will be ${systemId}, once ${plan.threshold} of ${plan.keys} holders have signed:`,
  );
  terminal.print(`  p2pctl keys sign ${place.genesisRequest} --key THEIR.key`);
  terminal.print(
    `then: p2pctl keys combine ${place.genesisRequest} SHARES… --out ${place.genesis} --transcript ${place.transcript}`,
  );
  return undefined;
}

/** Key statements come before the genesis, so the transcript cannot be verified as a whole yet. */
async function keepStatements(place: SystemFolder, entries: readonly TranscriptEntry[]): Promise<void> {
  let text = existsSync(place.transcript) ? readText(place.transcript) : '';
  for (const entry of entries) text = appendToTranscript(text, entry, crypto);
  replaceFile(place.transcript, text);
}

export function requireDistinct(keys: readonly Uint8Array[]): void {
  const seen = new Set<string>();
  for (const key of keys.map(toHex)) {
    if (seen.has(key)) throw new P2posError('CEREMONY_KEY_TWICE', { key: key.slice(0, 16) });
    seen.add(key);
  }
}

function announce(
  { terminal, options }: Invocation,
  place: SystemFolder,
  {
    systemId,
    plan,
    proof,
  }: { systemId: string; plan: Plan; proof: { readonly validTo: string; readonly serial: string } },
): void {
  if (options.json) {
    const { threshold, keys } = plan;
    terminal.print(
      JSON.stringify({
        systemId,
        name: plan.name,
        keys,
        threshold,
        folder: place.folder,
        serial: proof.serial,
      }),
    );
    return;
  }
  for (const text of [
    `system ${plan.name} is founded: ${systemId}`,
    `${plan.threshold} of ${plan.keys} system keys sign; each lies sealed in its own file in ${place.folder}`,
    'now: bring every key file to its holder, with a copy in a safe place, and delete it here',
    `the pinned key list is ${place.pinned}; give it to every holder`,
    `the admin's proof ends ${proof.validTo}`,
    `next: p2pctl init --system ${place.folder} --found`,
  ])
    terminal.print(text);
}
