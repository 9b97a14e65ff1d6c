/** Where passphrases come from: a file that --passphrase-file names, line by line, or the keyboard. Never an argument. */
import { resolve } from 'node:path';
import { P2posError } from '@p2pos/protocol';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { readText } from './key-file.ts';

const MIN_CHARACTERS = 12;

export interface Passphrases {
  /** Of a file that is there: line `index` of the file given, or its first, or the keyboard's. */
  of(file: string, index?: number): Promise<string>;
  /** For a file to be made; asked twice. */
  fresh(file: string, index?: number): Promise<string>;
}

export function createPassphrases(
  { terminal, folder }: Pick<Invocation, 'terminal' | 'folder'>,
  passphraseFile: string | undefined,
): Passphrases {
  const lines =
    passphraseFile === undefined ? undefined : readText(resolve(folder, passphraseFile)).split(/\r?\n/);
  const fromFile = (index: number) => lines && (lines[index] || lines[0] || undefined);

  async function ask(question: string, file: string): Promise<string> {
    const answer = await terminal.secret(question);
    if (answer !== undefined) return answer;
    throw new P2posError('SEALED_KEY_PASSPHRASE_NEEDED', { file });
  }

  return {
    of: async (file, index = 0) => fromFile(index) ?? (await ask(`Passphrase of ${file}: `, file)),
    async fresh(file, index = 0) {
      const given = fromFile(index);
      const first = given ?? (await ask(`New passphrase for ${file}: `, file));
      if ([...first].length < MIN_CHARACTERS) {
        throw usage(
          `The passphrase for ${file} is shorter than ${MIN_CHARACTERS} characters.`,
          'p2pctl keys create FILE',
        );
      }
      if (given === undefined && (await ask('Once more: ', file)) !== first) {
        throw usage('The two passphrases differ.', 'p2pctl keys create FILE');
      }
      return first;
    },
  };
}
