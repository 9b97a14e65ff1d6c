/** A request per operation. */
import { P2posError } from '@p2pos/protocol';
import { decodeAnswer } from './answer.ts';
import { OPERATIONS } from './contract/operations.ts';
import { encodeRequest } from './request.ts';
import { failureCode, type Transport } from './transport.ts';

export interface HttpTransportConfig {
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

export function createHttpTransport(
  { fetch }: { readonly fetch: typeof globalThis.fetch },
  { urls, headers }: HttpTransportConfig,
): Transport {
  return {
    async attempt(id, input, node, signal) {
      const url = urls[node] as string;
      const operation = OPERATIONS[id];
      const request = encodeRequest(operation, input);
      try {
        const response = await fetch(`${url}${request.target}`, {
          method: operation.method,
          headers: { ...headers, ...request.headers },
          body: request.body ?? null,
          cache: 'no-store',
          credentials: 'same-origin',
          // The token goes to the nodes that were named, nowhere else.
          redirect: 'error',
          signal,
        });
        return await decodeAnswer(operation, response, url);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof P2posError) throw error;
        const reason = failureCode(error) ?? (error instanceof Error ? error.message : String(error));
        throw new P2posError('NODE_UNREACHABLE', { url, reason }, { cause: error });
      }
    },
    close() {},
  };
}
