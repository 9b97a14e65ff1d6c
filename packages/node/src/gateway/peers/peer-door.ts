/**
 * Operations for clients that reach this node as peers (`/p2pos/client/1.0.0`): a browser with no HTTP address of any node. The token
 * tells what is allowed; the same checks, quotas and bounds hold as over HTTP. Nobody is local here: without a token there is
 * nothing.
 */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { CLIENT, type Rpc } from '@p2pos/protocol/rpc';
import { createAllowance } from '../../core/allowance/index.ts';
import type { Clock } from '../../core/clock/index.ts';
import type { PeerId } from '../../core/net/index.ts';
import type { Caller } from '../access/caller.ts';
import type { Calls } from '../calls/calls.ts';
import { bodyWeight, type Catalogue } from '../calls/catalogue.ts';
import type { RunningCall } from '../calls/running-call.ts';

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
  readonly calls: Calls;
  readonly catalogue: Catalogue;
  /** @throws P2posError AUTH_REQUIRED */
  readonly admitToken: (token: string, app: string | undefined) => Promise<Caller>;
}

/** Meant for browsers on the node's own page, and for whoever started this process. */
const HERE_ONLY = /^(session|dev)\./;
/** Peers whose token was good lately. */
const MAX_KNOWN = 1_024;

export function createPeerDoor(
  deps: PeerDoorDeps,
  { requestTimeoutMs }: { readonly requestTimeoutMs: number },
): Disposable {
  const { peers, clock, calls, catalogue } = deps;
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
      const one = calls.open(requestTimeoutMs);
      const leave = () => one.abort(new P2posError('CANCELLED'));
      gone.addEventListener('abort', leave, { once: true });
      using _limit = calls.limit(one);
      try {
        if (!peers.isGateway()) throw new P2posError('CLIENTS_NOT_SERVED');
        if (HERE_ONLY.test(method)) throw new P2posError('METHOD_NOT_SERVED', { method });
        const { route, reader, handle, encode } = catalogue.call(method);
        one.operation = method;
        const asked = {
          grant: route.grant,
          route,
          caller: identify(peerId, token, app),
          bodyBytes: bodyWeight(route, input),
          work: async (context: RunningCall) => encode(await handle(reader.read(input), context)),
        };
        const output = await calls.answer(asked, one);
        one.finish(route.status ?? 200);
        return { output };
      } catch (cause) {
        const error = calls.failure(cause, one);
        one.finish(error.status);
        throw error;
      } finally {
        gone.removeEventListener('abort', leave);
      }
    },
  });
}
