/** A system through the HTTP door of the node that serves the page. The session cookie goes along by itself. */
import { contract, fromBase64url, isP2posError, membersRoutes, networkRoutes } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import type { CarriedBytes, DevControls, Source } from './source.ts';

const TIMEOUT_MS = 8_000;

export function createDoor(url: string): Source {
  const client = connect({ url, timeoutMs: TIMEOUT_MS, maxAttempts: 1 });
  const { call } = client;
  let isDev: boolean | undefined;
  const controls: DevControls = {
    nodes: () => call(contract.dev.nodes, {}),
    kill: (name) => call(contract.dev.kill, { name }),
    start: (name) => call(contract.dev.start, { name }),
  };
  return {
    way: 'door',
    label: new URL(url).host,
    client,
    status: () => call(networkRoutes.status, {}),
    peers: () => client.network.peers(),
    members: () => client.members.list(),
    root: () => call(membersRoutes.root, {}),
    snapshot: () => client.members.snapshot(),
    async documents(list) {
      const all: CarriedBytes[] = [];
      for await (const one of client.members.documents(list))
        all.push({ ...one, bytes: fromBase64url(one.bytes) });
      return all;
    },
    audit: async (after) => (await call(membersRoutes.audit, { after, limit: 1_000 })).entries,
    loss: (remove) => call(membersRoutes.loss, { remove: remove.join(',') }),
    submit: (kind, body) => call(membersRoutes.submit, { kind, body }),
    offer: (peer, kind, body) => call(membersRoutes.offer, { peer, kind, body }),
    invite: async () => (await client.network.invite()).text,
    health: () => client.health(),
    async metrics() {
      const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      return response.ok ? response.text() : '';
    },
    async dev() {
      if (isDev === undefined) {
        isDev = await controls.nodes().then(
          () => true,
          (error: unknown) => {
            if (isP2posError(error, 'NODE_UNREACHABLE')) throw error;
            return false;
          },
        );
      }
      return isDev ? controls : undefined;
    },
    close: () => client.close(),
  };
}
