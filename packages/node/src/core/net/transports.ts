/** The ways to reach a node. QUIC needs a native addon; where it cannot load, the node goes on without. */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { tcp } from '@libp2p/tcp';

import type { Libp2pOptions } from 'libp2p';
import type { Logger } from '../log/index.ts';
import type { Address } from './port.ts';
import { webSockets } from './websockets.ts';

export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number];

/** Sockets without any traffic for this long are closed; liveness notices a dead peer much earlier. */
const INACTIVITY_TIMEOUT_MS = 120_000;

type LoadQuic = () => Promise<{ readonly quic: () => TransportFactory }>;

export async function loadTransports(
  log: Logger,
  listen: readonly Address[],
  loadQuic: LoadQuic = () => import('@chainsafe/libp2p-quic'),
): Promise<{ readonly transports: TransportFactory[]; readonly listen: Address[] }> {
  const transports: TransportFactory[] = [
    tcp({
      inboundSocketInactivityTimeout: INACTIVITY_TIMEOUT_MS,
      outboundSocketInactivityTimeout: INACTIVITY_TIMEOUT_MS,
    }),
    webSockets(),
    circuitRelayTransport(),
  ];
  try {
    const { quic } = await loadQuic();
    transports.push(quic());
    return { transports, listen: [...listen] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.info(
      { action: 'load_quic', result: 'unavailable', reason },
      'quic is not available here, going on without',
    );
    return { transports, listen: listen.filter((address) => !address.includes('/quic-v1')) };
  }
}

export type TransportName = 'tcp' | 'quic' | 'ws';

export function isRelayedAddress(address: Address): boolean {
  return address.includes('/p2p-circuit');
}

/** Through a relay: how the relay is reached. */
export function transportOf(address: Address): TransportName {
  if (address.includes('/quic-v1')) return 'quic';
  return address.includes('/ws') ? 'ws' : 'tcp';
}

/** Lower is better: measured, tcp with tls carries several times what the others do. */
export function rank(transport: TransportName, encryption?: string): number {
  const base = { tcp: 0, quic: 2, ws: 4 }[transport];
  return encryption?.includes('noise') ? base + 1 : base;
}
