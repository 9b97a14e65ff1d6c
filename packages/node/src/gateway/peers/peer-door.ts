/**
 * Operations for clients that reach this node as peers (`/p2pos/client/1.0.0`): a browser with no HTTP address of any node. The token
 * tells what is allowed; the same checks, quotas and bounds hold as over HTTP. Nobody is local here: without a token there is
 * nothing.
 */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { CLIENT, type Rpc } from '@p2pos/protocol/rpc';
import { createAllowance } from '../../core/allowance/index.ts';
import { type Clock, deadline } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import { type Caller, charge, checkGrant, contextOf } from '../access/caller.ts';
import type { Admission } from '../admission.ts';
import { publicError } from '../http/answer.ts';
import type { Observation } from '../http/request-metrics.ts';
import type { Catalogue } from '../socket/catalogue.ts';

/** What the door needs of the node behind it. */
export interface PeerCalls {
  readonly rpc: Pick<Rpc, 'serve'>;
  /** Whether a snapshot lets this node serve clients: its capability `gateway`. */
  readonly isGateway: () => boolean;
  readonly isMember: (peerId: PeerId) => boolean;
}

export interface PeerDoorDeps {
  readonly peers: PeerCalls;
  readonly clock: Clock;
  readonly log: Logger;
  readonly admission: Admission;
  readonly catalogue: Catalogue;
  readonly observe: (observation: Observation) => void;
  readonly requestId: () => string;
  /** @throws P2posError AUTH_REQUIRED */
  readonly admitToken: (token: string, app: string | undefined) => Promise<Caller>;
}

/** Meant for browsers on the node's own page, and for whoever started this process. */
const HERE_ONLY = /^(session|dev)\./;
/** Peers whose token was good lately. */
const MAX_KNOWN = 1_024;
const BODY_WEIGHT = 1_024;

export function createPeerDoor(
  deps: PeerDoorDeps,
  { requestTimeoutMs }: { readonly requestTimeoutMs: number },
): Disposable {
  const { peers, clock, log, admission, catalogue, observe, requestId } = deps;
  /** What is refused for its token costs a look-up: strangers have one share of that among all of them (T26). */
  const guesses = createAllowance(clock, { burst: () => 100, perSecond: () => 20 });
  const known = new Set<PeerId>();

  async function identify(peerId: PeerId, token: string | undefined, app: string | undefined) {
    if (token === undefined) throw new P2posError('AUTH_REQUIRED');
    const payer = peers.isMember(peerId) ? peerId : 'strangers';
    if (!known.has(peerId) && guesses.left(payer) < 1)
      throw new P2posError('OVERLOADED', { what: 'This node' });
    try {
      const caller = await deps.admitToken(token, app);
      known.delete(peerId);
      known.add(peerId);
      if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as PeerId);
      return caller;
    } catch (error) {
      if (isP2posError(error, 'AUTH_REQUIRED')) {
        known.delete(peerId);
        guesses.take(payer, 1);
        guesses.retain((one) => one === 'strangers' || peers.isMember(one));
      }
      throw error;
    }
  }

  return peers.rpc.serve(CLIENT, {
    async call({ token, app, method, input }, { peerId, signal: gone }) {
      const startedAt = clock.monotonic();
      const request = requestId();
      let status = 200;
      let operation = 'unmatched';
      using limit = deadline(clock, requestTimeoutMs, { what: 'The node' });
      try {
        if (!peers.isGateway()) throw new P2posError('CLIENTS_NOT_SERVED');
        if (HERE_ONLY.test(method)) throw new P2posError('METHOD_NOT_SERVED', { method });
        const bound = catalogue.call(method);
        const { route } = bound;
        operation = method;
        const caller = await identify(peerId, token, app);
        checkGrant(caller.grants, route.grant);
        const read = bound.reader.read(input);
        using _place = admission.enter(route.body ? weightOf(read['body']) : 0);
        await charge(caller, route);
        const signal = AbortSignal.any([gone, limit.signal]);
        const answer = bound.handle(read, contextOf(caller, request, signal));
        const output = bound.encode(await Promise.race([answer, aborted(limit.signal)]));
        status = route.status ?? 200;
        return { output };
      } catch (cause) {
        const error = publicError(cause, request);
        status = error.status;
        if (error.code === 'INTERNAL')
          log.error(
            { action: 'peer_call', requestId: request, method, error: error.cause },
            'request failed inside the node',
          );
        throw error;
      } finally {
        observe({ operation, status, ms: clock.monotonic() - startedAt });
      }
    },
  });
}

/** What a body takes of the bytes in flight, as far as it shows at once. */
function weightOf(body: unknown): number {
  return body instanceof Uint8Array ? body.length : BODY_WEIGHT;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
