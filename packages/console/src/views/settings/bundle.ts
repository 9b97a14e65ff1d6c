/** The admin bundle: made of files that the admin has, for a page that comes from any web server. */
import { adminProofDocument, decodeDocument, formatAdminBundle } from '@p2pos/protocol';
import { crypto } from '../../crypto.ts';
import type { NodeView } from '../../system.ts';
import { texts } from '../../texts.ts';

const MAX_ADDRESSES = 6;

/** Where a browser reaches the members, one a line: WebSockets, each with its peer id. */
export function webAddresses(nodes: readonly NodeView[]): string {
  const found = nodes.flatMap(({ peerId, peer }) =>
    peer.addresses
      .filter((address) => /\/wss?(\/|$)/.test(address) && !address.includes('/p2p-circuit'))
      .slice(0, 1)
      .map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${peerId}`)),
  );
  return found.slice(0, MAX_ADDRESSES).join('\n');
}

/** @throws Error where the key is not sealed, P2posError for what is no proof */
export function packBundle(key: string, proof: Uint8Array | undefined, addresses: string): string {
  if (!proof || key === '') throw new Error(texts.session.missing);
  if (!key.includes('BEGIN AGE ENCRYPTED FILE')) throw new Error(texts.settings.unsealed);
  const { systemId } = decodeDocument(adminProofDocument, proof, crypto).body;
  return formatAdminBundle({
    version: 1,
    systemId,
    addresses: addresses.split(/\s+/).filter((line) => line !== ''),
    key,
    proof,
  });
}
