import type { Registration, RegistrationReceipt } from '@p2pos/protocol';
import type { Call, CallOptions } from './caller.ts';

export interface RegisterOptions extends CallOptions {
  /** Where the name is reached: multiaddrs, URLs or host:port, at most 8. */
  readonly addresses?: readonly string[];
  /** At most 256 bytes; text is kept as UTF-8. */
  readonly data?: Uint8Array | string;
  /** 10 s to 24 h. Default one hour. Register again to renew. */
  readonly ttlMs?: number;
}

export interface RendezvousClient {
  register(namespace: string, name: string, options?: RegisterOptions): Promise<RegistrationReceipt>;
  /** Through the same node as `register`. */
  withdraw(namespace: string, name: string, options?: CallOptions): Promise<{ readonly existed: boolean }>;
  /** The newest first; by default at most 100. */
  discover(
    namespace: string,
    options?: CallOptions & { readonly limit?: number },
  ): Promise<{ readonly registrations: readonly Registration[]; readonly more: boolean }>;
}

export function createRendezvousClient(call: Call): RendezvousClient {
  return {
    register(namespace, name, { addresses = [], data, ttlMs, ...options } = {}) {
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
      const body = { addresses: [...addresses], ...(bytes && { data: bytes }) };
      const input = { namespace, name, body, ...(ttlMs !== undefined && { ttlMs }) };
      return call('rendezvous.register', input, options);
    },
    withdraw: (namespace, name, options) => call('rendezvous.withdraw', { namespace, name }, options),
    discover: (namespace, { limit, ...options } = {}) =>
      call('rendezvous.discover', { namespace, ...(limit !== undefined && { limit }) }, options),
  };
}
