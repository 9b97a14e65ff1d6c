/** `p2pctl keys create`: one sealed key and its public half; `p2pctl keys passphrase` seals it anew. */
import { resolve } from 'node:path';
import { KEY_ROLES, type KeyRole, stateKey, toHex } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { systemClock } from '../clock.ts';
import { usage } from '../failure.ts';
import { crypto } from '../keys.ts';
import { createSealedKey, writeNew } from './key-file.ts';
import { createPassphrases } from './passphrase.ts';

export const createKey: Action = async (invocation, [word = ''], flags) => {
  const { role = 'system', label, passphraseFile } = flags as Readonly<Record<string, string | undefined>>;
  if (!KEY_ROLES.some((known) => known === role)) {
    throw usage(
      `There is no role ${role}; there are ${KEY_ROLES.join(', ')}.`,
      'p2pctl keys create FILE --role system',
    );
  }
  const file = resolve(invocation.folder, word);
  const publicFile = publicFileOf(file);
  const passphrase = await createPassphrases(invocation, passphraseFile).fresh(word);
  const signer = await createSealedKey(file, passphrase);
  const { text } = await stateKey(
    signer,
    { role: role as KeyRole, label: label ?? labelOf(word) },
    systemClock.now(),
    crypto,
  );
  writeNew(publicFile, text);
  const key = toHex(signer.publicKey);
  if (invocation.options.json) invocation.terminal.print(JSON.stringify({ key, role, file, publicFile }));
  else {
    invocation.terminal.print(`${role} key ${key.slice(0, 16)} is sealed in ${file}`);
    invocation.terminal.print(`hand on: ${publicFile}`);
  }
  return undefined;
};

/** `a.key` → `a.pub` */
export function publicFileOf(file: string): string {
  return `${file.replace(/\.key$/, '')}.pub`;
}

function labelOf(word: string): string {
  const name = (word.split('/').at(-1) ?? '').replace(/\.key$/, '').replace(/[^\x21-\x7e]/g, '-');
  return name.slice(0, 64) || 'key';
}
