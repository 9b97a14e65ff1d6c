/** What `dev` asks of its nodes over HTTP. */
import { readFileSync } from 'node:fs';
import { membersRoutes, NetworkStatus, P2posError, sessionRoutes } from '@p2pos/protocol';
import type { NodeDoor } from './system.ts';

const TIMEOUT_MS = 10_000;

export function nodeDoor(http: string, tokenFile: string): NodeDoor {
  const call = async (method: string, path: string, body?: Uint8Array<ArrayBuffer>): Promise<Response> => {
    const response = await fetch(`${http}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
        'content-type': 'application/cbor',
      },
      ...(body ? { body } : {}),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return response;
    const { message } = (await response.json()) as { message?: string };
    throw new P2posError('BAD_REQUEST', { reason: message ?? `HTTP ${response.status}` });
  };
  return {
    view: async () => NetworkStatus.parse(await (await call('GET', '/v1/network/status')).json()),
    snapshot: async () => (await call('GET', '/v1/members/snapshot')).bytes(),
    push: async (bytes) => {
      const response = await call('POST', '/v1/members/snapshot', new Uint8Array(bytes));
      return membersRoutes.push.output.schema.parse(await response.json());
    },
  };
}

export async function pageLink(http: string, tokenFile: string): Promise<string> {
  const response = await fetch(`${http}/v1/session/link`, {
    method: 'POST',
    headers: { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return sessionRoutes.link.output.schema.parse(await response.json()).url;
}
