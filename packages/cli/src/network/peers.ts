import type { PeerStatus } from '@p2pos/protocol';
import type { Action } from '../action.ts';
import { withNode } from '../node-client.ts';
import { formatBytes, renderTable } from '../table.ts';

export const showPeers: Action = async (invocation) => {
  const { terminal, options, signal } = invocation;
  const peers = await withNode(invocation, ({ client }) => client.network.peers({ signal }));
  if (options.json) {
    terminal.print(JSON.stringify({ peers }));
    return undefined;
  }
  terminal.print(
    renderTable(['NAME', 'REACHABLE', 'STATE', 'LINK', 'ROUND TRIP', 'STORED', 'PEER ID'], peers.map(rowOf)),
  );
  return undefined;
};

function rowOf(peer: PeerStatus): string[] {
  const link = peer.self
    ? 'this node'
    : peer.connected
      ? `${peer.transport ?? '?'} ${peer.encryption ?? ''}`.trim()
      : 'none';
  const roundTrip =
    peer.self || peer.roundTripMs === null || !peer.connected ? '' : `${peer.roundTripMs.toFixed(1)} ms`;
  const name = peer.member ? (peer.name ?? '') : '(no member)';
  return [
    name,
    peer.reachability,
    peer.state ?? 'unknown',
    link,
    roundTrip,
    formatBytes(peer.disk?.usedBytes),
    peer.peerId,
  ];
}
