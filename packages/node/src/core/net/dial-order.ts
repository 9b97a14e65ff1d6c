/** Which of a peer's addresses are tried first, and for how long, before the others are. */
import { type Clock, deadline, sleep } from '../clock/index.ts';
import type { Address } from './port.ts';
import { rank, transportOf } from './transports.ts';

/** For one try of the best transport. */
const TRY_MS = 2_000;
/** A node that starts takes calls over tcp a moment after its udp port is open. */
const PAUSE_MS = 500;
const TRIES = 4;

/**
 * Dials the addresses of the best transport alone, four times, then all. A quic handshake waits where tcp is refused, so
 * of nodes that start together many would otherwise be tied by the slower transport for as long as they run.
 */
export async function dialInOrder<T>(
  { clock }: { readonly clock: Clock },
  addresses: readonly Address[],
  dial: (addresses: readonly Address[], signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const ranks = addresses.map((address) => rank(transportOf(address)));
  const best = addresses.filter((_, i) => ranks[i] === Math.min(...ranks));
  for (let tries = 0; tries < TRIES && best.length < addresses.length; tries++) {
    using limit = deadline(clock, TRY_MS, { what: 'The dialled node', signal });
    try {
      return await dial(best, limit.signal);
    } catch {
      signal.throwIfAborted();
      await sleep(clock, PAUSE_MS, { signal });
    }
  }
  return await dial(addresses, signal);
}
