/** Calls and subscriptions over one WebSocket a node. Where none can be had, calls go over HTTP for a while. */
import { MAX_SOCKET_MESSAGE_BYTES, type P2posError } from '@p2pos/protocol';
import { OPERATIONS } from '../contract/operations.ts';
import type { Timing } from '../timing.ts';
import type { Transport } from '../transport.ts';
import { decodeOutput, encodeInput } from './fields.ts';
import { createLink, type Link } from './link.ts';
import { weightOf } from './weight.ts';

export interface SocketTransport extends Transport {
  /** The link to a node, opened. */
  link(node: number, signal: AbortSignal): Promise<Link>;
}

export interface SocketTransportDeps {
  readonly WebSocket: typeof globalThis.WebSocket;
  readonly timing: Timing;
  /** For what no socket carries, and for nodes that give none. */
  readonly http: Transport;
}

export interface SocketTransportConfig {
  readonly urls: readonly string[];
  readonly token: string | undefined;
  readonly app: string | undefined;
}

const IDLE_MS = 60_000;
/** Of a body in a message of its own; a heavier one goes over HTTP. */
const MAX_WEIGHT = MAX_SOCKET_MESSAGE_BYTES - 65_536;
/** A node that gave no socket is asked for one again after this long. */
const WITHOUT_MS = 30_000;

export function createSocketTransport(
  { WebSocket, timing, http }: SocketTransportDeps,
  { urls, token, app }: SocketTransportConfig,
): SocketTransport {
  const links = urls.map((url) => createLink({ WebSocket, timing }, { url, token, app, idleMs: IDLE_MS }));
  const withoutUntil = urls.map(() => Number.NEGATIVE_INFINITY);

  async function link(node: number, signal: AbortSignal): Promise<Link> {
    const one = links[node] as Link;
    if (!one.isOpen()) await one.open(signal);
    return one;
  }

  return {
    link,
    async attempt(id, input, node, signal) {
      const operation = OPERATIONS[id];
      // A page is meant for a browser's address bar.
      const isPage = 'kind' in operation.output && operation.output.kind === 'page';
      if (isPage || timing.now() < (withoutUntil[node] as number))
        return http.attempt(id, input, node, signal);
      const wire = encodeInput(operation, input);
      if (weightOf(wire['body']) > MAX_WEIGHT) return http.attempt(id, input, node, signal);
      let one = links[node] as Link;
      if (!one.isOpen()) {
        try {
          one = await link(node, signal);
        } catch (error) {
          if (signal.aborted) throw error;
          // HTTP tells better what is wrong, and works through what lets no socket pass.
          const answer = await http.attempt(id, input, node, signal);
          withoutUntil[node] = timing.now() + WITHOUT_MS;
          return answer;
        }
      }
      const output = await callOver(one, id, wire, signal);
      return decodeOutput(operation, output, urls[node] as string);
    },
    close() {
      for (const one of links) one.close();
      http.close();
    },
  };
}

function callOver(
  link: Link,
  method: string,
  input: Record<string, unknown>,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const call = link.start((id) => ({ op: 'call', id, method, input }), {
      onEvent({ output }) {
        signal.removeEventListener('abort', stop);
        resolve(output);
      },
      onEnd(error?: P2posError) {
        signal.removeEventListener('abort', stop);
        reject(error);
      },
    });
    function stop() {
      call.stop();
      reject(signal.reason);
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}
