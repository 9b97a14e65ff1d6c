/** The operator's token: made at the first start, kept in the node's home, readable by its owner only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { chmod, open, readFile, rename, stat } from 'node:fs/promises';
import { P2posError, toBase64url } from '@p2pos/protocol';
import type { Logger } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';

const TOKEN = /^p2pos_[\w-]{43}$/;

export interface AdminToken {
  /** For keys derived from it; never shown. */
  readonly secret: string;
  /** Takes the same time whatever the guess. */
  matches(guess: string): boolean;
}

/** @throws P2posError TOKEN_FILE_INVALID */
export async function openAdminToken(
  { random, log }: { readonly random: Random; readonly log: Logger },
  { file }: { readonly file: string },
): Promise<AdminToken> {
  const secret = (await read(file, log)) ?? (await create(file, random));
  const expected = digest(secret);
  return { secret, matches: (guess) => timingSafeEqual(digest(guess), expected) };
}

async function read(file: string, log: Logger): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw new P2posError(
      'TOKEN_FILE_INVALID',
      { file, reason: error.code ?? 'unreadable' },
      { cause: error },
    );
  });
  if (text === undefined) return undefined;
  if (!TOKEN.test(text.trim())) {
    throw new P2posError('TOKEN_FILE_INVALID', { file, reason: 'it holds no p2pos_ token' });
  }
  if ((await stat(file)).mode & 0o077) {
    await chmod(file, 0o600);
    log.warn({ action: 'open_token', file }, 'token file was readable by others, now by its owner only');
  }
  return text.trim();
}

/** Written whole under another name first, so that no crash leaves half a token. */
async function create(file: string, random: Random): Promise<string> {
  const token = `p2pos_${toBase64url(random.bytes(32))}`;
  try {
    const handle = await open(`${file}.new`, 'w', 0o600);
    try {
      await handle.writeFile(`${token}\n`);
      await handle.chmod(0o600);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
  } catch (error) {
    const reason = `it cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`;
    throw new P2posError('TOKEN_FILE_INVALID', { file, reason }, { cause: error });
  }
  return token;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
