/** TXT records over HTTPS (RFC 8484): the way of a page, and of machines whose DNS is not to be trusted. */
import { decodeTxtAnswer, encodeTxtQuestion, MAX_DNS_MESSAGE_BYTES } from './dns-message.ts';
import { toBase64url } from './encoding/base64url.ts';
import { concatBytes } from './encoding/bytes.ts';
import { P2posError } from './errors/errors.ts';

export interface TxtResolver {
  /** Each record's strings joined; none where there are none. @throws P2posError DNS_FAILED */
  txt(name: string, options: { readonly signal: AbortSignal }): Promise<string[]>;
}

export function createDohResolver(
  { fetch }: { readonly fetch: typeof globalThis.fetch },
  { url }: { readonly url: string },
): TxtResolver {
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
  return concatBytes(...chunks);
}
