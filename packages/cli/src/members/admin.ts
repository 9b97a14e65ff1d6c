/** The admin that a command acts as: the files that it names, or those of a development system. */
import { join, resolve } from 'node:path';
import { type Admin, adminProofDocument } from '@p2pos/protocol';
import { systemClock } from '../clock.ts';
import { layoutOf } from '../dev/layout.ts';
import { devAdmin } from '../dev/system.ts';
import { usage } from '../failure.ts';
import type { Invocation } from '../invocation.ts';
import { openKeyFile } from '../keys/key-file.ts';
import { createPassphrases } from '../keys/passphrase.ts';
import type { Target } from '../target.ts';
import { readDocument } from './authority.ts';

export async function adminOf(
  invocation: Invocation,
  { devHome }: Pick<Target, 'devHome'>,
  flags: Readonly<Record<string, unknown>>,
): Promise<Admin> {
  const { adminKey, adminProof, passphraseFile } = flags as Readonly<Record<string, string | undefined>>;
  if (adminKey !== undefined && adminProof !== undefined) {
    const proof = readDocument(adminProofDocument, resolve(invocation.folder, adminProof));
    const passphrases = createPassphrases(invocation, passphraseFile);
    const signer = await openKeyFile(resolve(invocation.folder, adminKey), passphrases.of);
    return { signer, proof };
  }
  if (adminKey !== undefined || adminProof !== undefined) {
    throw usage('--admin-key and --admin-proof go together.', 'p2pctl members list');
  }
  if (devHome !== undefined) return devAdmin(layoutOf(join(devHome)), systemClock);
  throw usage(
    'Only an admin changes the membership. Name the key and its proof.',
    'p2pctl members add PEERID --admin-key FILE --admin-proof FILE',
  );
}
