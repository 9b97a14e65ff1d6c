/** What the page asks of the node that serves it. The session cookie goes along by itself. */
import type { DevNodes, Explanation, KvList, KvReceipt, NetworkPeers, NetworkStatus } from '@p2pos/protocol';

const TIMEOUT_MS = 8_000;

export class DoorError extends Error {
  override readonly name = 'DoorError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Rejects with DoorError; its code is UNREACHABLE when nothing answered. */
async function ask(method: string, path: string, body?: BodyInit): Promise<Response> {
  const response = await fetch(path, {
    method,
    body: body ?? null,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new DoorError('UNREACHABLE', 'The node that serves this page does not answer.');
  });
  if (response.ok) return response;
  const error = (await response.json().catch(() => ({}))) as { code?: string; message?: string };
  throw new DoorError(error.code ?? `HTTP_${response.status}`, error.message ?? response.statusText);
}

async function askJson<T>(method: string, path: string, body?: BodyInit): Promise<T> {
  return (await (await ask(method, path, body)).json()) as T;
}

const keyPath = (key: string, query = '') => `/v1/kv/${encodeURIComponent(key)}${query}`;

export interface Reading {
  readonly bytes: Uint8Array;
  readonly explain: Explanation;
}

export const door = {
  status: () => askJson<NetworkStatus>('GET', '/v1/network/status'),
  peers: () => askJson<NetworkPeers>('GET', '/v1/network/peers'),
  /** Undefined where the node is not part of a development system. */
  devNodes: () =>
    askJson<DevNodes>('GET', '/v1/dev').catch((error: unknown) => {
      if (error instanceof DoorError && error.code !== 'UNREACHABLE') return undefined;
      throw error;
    }),
  kill: (name: string) => ask('POST', `/v1/dev/nodes/${encodeURIComponent(name)}/kill`),
  start: (name: string) => ask('POST', `/v1/dev/nodes/${encodeURIComponent(name)}/start`),
  list: (prefix: string) => askJson<KvList>('GET', `/v1/kv?limit=100&prefix=${encodeURIComponent(prefix)}`),
  put: (key: string, value: string) => askJson<KvReceipt>('PUT', keyPath(key, '?explain=1'), value),
  delete: (key: string) => askJson<{ existed: boolean }>('DELETE', keyPath(key)),
  async get(key: string): Promise<Reading> {
    const response = await ask('GET', keyPath(key, '?explain=1'));
    const explain = JSON.parse(
      response.headers.get('x-p2pos-explain') ?? '{"slot":0,"replicas":[],"asked":[],"answered":[]}',
    ) as Explanation;
    return { bytes: new Uint8Array(await response.arrayBuffer()), explain };
  },
};
