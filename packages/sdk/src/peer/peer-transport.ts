/** Calls of the contract through members that serve clients: the same operations, tokens and refusals as over HTTP. */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { CLIENT, type PeerId, type Rpc } from '@p2pos/protocol/rpc';
import { OPERATIONS } from '../contract/operations.ts';
import { decodeOutput, encodeInput } from '../socket/fields.ts';
import { isOverdue, type Transport } from '../transport.ts';

export interface PeerTransportOptions {
  /** `p2pos_…`; it is shown to members of the verified snapshot only. */
  readonly token?: string | undefined;
  /** This member only: an operator's token is good at its own node. Default: any that serves clients. */
  readonly via?: PeerId | undefined;
  /** Only with the operator's token. */
  readonly app?: string | undefined;
}

export interface PeerTransportDeps {
  readonly rpc: Pick<Rpc, 'call'>;
  readonly systemId: string;
  /** Connected members with the capability `gateway`, the preferred first. */
  readonly gateways: () => readonly PeerId[];
}

/** The caller's own deadline comes first. */
const TIMEOUT_MS = 120_000;

export function createPeerTransport(
  { rpc, systemId, gateways }: PeerTransportDeps,
  { token, app, via }: PeerTransportOptions,
): Transport {
  const url = `p2pos:${systemId}`;
  let tried = 0;

  return {
    choosesNode: via === undefined,
    async attempt(method, input, _node, signal) {
      const operation = OPERATIONS[method];
      const wire = encodeInput(operation, input);
      const members = gateways().filter((peerId) => via === undefined || peerId === via);
      const at = tried;
      const peerId = members[at % Math.max(1, members.length)];
      if (peerId === undefined) {
        const reason = 'no member that serves clients is connected';
        const cause = new Error(reason, { cause: { code: 'ECONNREFUSED' } });
        throw new P2posError('NODE_UNREACHABLE', { url, reason }, { cause });
      }
      try {
        const asked = {
          method,
          input: wire,
          ...(token !== undefined && { token }),
          ...(app !== undefined && { app }),
        };
        const { output } = await rpc.call(peerId, CLIENT, 'call', asked, { timeoutMs: TIMEOUT_MS, signal });
        return decodeOutput(operation, output, `${url}/${peerId}`);
      } catch (error) {
        // The next attempt goes to another; of several calls that failed here the first has seen to that.
        const leaves = signal.aborted ? isOverdue(signal.reason) : isP2posError(error) && error.retry;
        if (leaves && tried === at) tried++;
        if (signal.aborted) throw signal.reason;
        if (!isP2posError(error, 'PEER_UNREACHABLE')) throw error;
        const reason = String(error.details['reason'] ?? 'the connection was lost');
        throw new P2posError('NODE_UNREACHABLE', { url: `${url}/${peerId}`, reason }, { cause: error });
      }
    },
    close() {},
  };
}
