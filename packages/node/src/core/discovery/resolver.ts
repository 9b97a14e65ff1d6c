/** TXT records, from the DNS servers of this machine or named ones, or over HTTPS (RFC 8484). */
import { Resolver as DnsResolver } from 'node:dns/promises';
import {
  decodeTxtAnswer,
  encodeTxtQuestion,
  MAX_DNS_MESSAGE_BYTES,
  P2posError,
  toBase64url,
} from '@p2pos/protocol';

export interface Resolver {
  /** Each record's strings joined; none where there are none. @throws P2posError DNS_FAILED */
  txt(name: string, options: { readonly signal: AbortSignal }): Promise<string[]>;
}

/** What c-ares says of a name without such records. */
const NOTHING = new Set(['ENODATA', 'ENOTFOUND']);
const TRY_TIMEOUT_MS = 1_500;

/** @param servers `192.0.2.53` or `192.0.2.53:5353`; none: those of this machine. */
export function createDnsResolver({ servers = [] }: { readonly servers?: readonly string[] }): Resolver {
  return {
    async txt(name, { signal }) {
      signal.throwIfAborted();
      // One for each question: cancelling ends all that a resolver has under way.
      const resolver = new DnsResolver({ timeout: TRY_TIMEOUT_MS, tries: 2 });
      if (servers.length > 0) resolver.setServers([...servers]);
      const cancel = () => resolver.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
      } catch (cause) {
        signal.throwIfAborted();
        const code = String((cause as NodeJS.ErrnoException).code);
        if (NOTHING.has(code)) return [];
        throw new P2posError('DNS_FAILED', { name, reason: code }, { cause });
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
  };
}

export function createDohResolver(
  { fetch }: { readonly fetch: typeof globalThis.fetch },
  { url }: { readonly url: string },
): Resolver {
  return {
    async txt(name, { signal }) {
      const fail = (reason: string, cause?: unknown) =>
        new P2posError('DNS_FAILED', { name, reason }, { cause });
      const question = new URL(url);
      question.searchParams.set('dns', toBase64url(encodeTxtQuestion(name)));
      let answer: Response;
      try {
        const headers = { accept: 'application/dns-message' };
        answer = await fetch(question, { headers, signal, redirect: 'error' });
      } catch (cause) {
        signal.throwIfAborted();
        throw fail(`${question.host} does not answer`, cause);
      }
      if (!answer.ok) throw fail(`${question.host} answers with status ${answer.status}`);
      return decodeTxtAnswer(await bodyOf(answer, fail), name);
    },
  };
}

/** Ends reading at the bound, whatever the length was said to be. */
async function bodyOf(answer: Response, fail: (reason: string) => P2posError): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MAX_DNS_MESSAGE_BYTES) throw fail('the answer is too long');
  }
  return new Uint8Array(Buffer.concat(chunks));
}
