import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { join } from 'node:path';
import { P2posError, peerIdFromPublicKey } from '@p2pos/protocol';
import type { Logger } from '../log/index.ts';
import type { Random } from '../random/index.ts';
import { isSealed, keyFromPem, keyToPem, seal, unseal } from './key-format.ts';
import type { Identity } from './port.ts';
import { createSecretFile, readSecretFile, replaceSecretFile } from './secret-file.ts';

export interface IdentityDeps {
  readonly random: Pick<Random, 'bytes'>;
  readonly log: Logger;
}

export interface IdentityConfig {
  /** Made when absent. Holds `node.key`. */
  readonly home: string;
  /** Its first line seals the key; a key that is not sealed yet is sealed now. */
  readonly passphraseFile?: string | undefined;
}

/**
 * Rejects with SECRET_FILE_EXPOSED, SECRET_FILE_UNREADABLE, KEY_FILE_INVALID, KEY_PASSPHRASE_NEEDED,
 * KEY_PASSPHRASE_WRONG or HOME_UNWRITABLE; a key that is there is never replaced by another.
 */
export async function openIdentity({ random, log }: IdentityDeps, config: IdentityConfig): Promise<Identity> {
  const file = join(config.home, 'node.key');
  const passphrase =
    config.passphraseFile === undefined ? undefined : await readPassphrase(config.passphraseFile);
  const wrap = async (pem: string) => (passphrase === undefined ? pem : seal(pem, passphrase));

  let text = await readSecretFile(file);
  if (text === undefined) {
    const isNew = await createSecretFile(file, await wrap(keyToPem(random.bytes(32))));
    if (isNew) log.info({ action: 'create_key', file, sealed: passphrase !== undefined }, 'node key made');
    text = (await readSecretFile(file)) ?? '';
  }
  const pem = isSealed(text) ? await open(file, text, passphrase) : text;
  const identity = identityFromSeed(seedOf(file, pem));
  if (passphrase !== undefined && !isSealed(text)) {
    await replaceSecretFile(file, await wrap(pem));
    log.info({ action: 'seal_key', file }, 'node key sealed by the passphrase');
  }
  return identity;
}

/** An identity that lies in no file. `seed` has 32 bytes. */
export function identityFromSeed(seed: Uint8Array): Identity {
  const key = createPrivateKey(keyToPem(seed));
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(x, 'base64url'));
  return {
    peerId: peerIdFromPublicKey(publicKey),
    seed,
    signer: {
      publicKey,
      // About 40 µs; to hand it to a thread and take the answer back would cost this one almost as much, and a wait.
      sign: async (bytes) => new Uint8Array(sign(null, bytes, key)),
    },
  };
}

async function readPassphrase(file: string): Promise<string> {
  const text = await readSecretFile(file);
  if (text === undefined)
    throw new P2posError('SECRET_FILE_UNREADABLE', { file, reason: 'it does not exist' });
  const line = text.split(/\r?\n/, 1)[0] ?? '';
  if (line === '')
    throw new P2posError('SECRET_FILE_UNREADABLE', { file, reason: 'its first line is empty' });
  return line;
}

async function open(file: string, sealed: string, passphrase: string | undefined): Promise<string> {
  if (passphrase === undefined) throw new P2posError('KEY_PASSPHRASE_NEEDED', { file });
  let pem: string | undefined;
  try {
    pem = await unseal(sealed, passphrase);
  } catch (error) {
    throw invalid(file, error);
  }
  if (pem === undefined) throw new P2posError('KEY_PASSPHRASE_WRONG', { file });
  return pem;
}

function seedOf(file: string, pem: string): Uint8Array {
  try {
    return keyFromPem(pem);
  } catch (error) {
    throw invalid(file, error);
  }
}

function invalid(file: string, error: unknown): P2posError {
  const reason = error instanceof Error ? error.message : String(error);
  return new P2posError('KEY_FILE_INVALID', { file, reason }, { cause: error });
}
