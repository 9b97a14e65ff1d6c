/**
 * Ports of a router led to this machine by UPnP (UPnP Forum, InternetGatewayDevice:1 and :2, WANIPConnection and WANPPPConnection):
 * found by SSDP, asked over SOAP. What comes from the network is bounded, and only the host that answered is ever spoken to.
 *
 * @example
 * const router = await createUpnp({ fetch }).find({ signal });
 * await router?.map({ protocol: 'TCP', port: 4100, outerPort: 4100, leaseS: 3_600 }, { signal });
 */
import { createControl } from './control.ts';
import { readDevice } from './device.ts';
import type { PortMapper } from './port.ts';
import { type Place, search } from './search.ts';

export { UpnpFailure } from './control.ts';

export interface UpnpConfig {
  /** Where to ask. Default: every IPv4 network of this machine, by multicast. */
  readonly places?: () => readonly Place[];
}

export function createUpnp(
  { fetch }: { readonly fetch: typeof globalThis.fetch },
  config: UpnpConfig = {},
): PortMapper {
  return {
    async find({ signal }) {
      for await (const { location, localHost } of search(config.places, signal)) {
        try {
          const device = await readDevice(fetch, location, signal);
          if (device) return createControl(fetch, device, localHost);
        } catch {
          // Whatever answered there is no router, or a broken one.
        }
      }
      signal.throwIfAborted();
      return undefined;
    },
  };
}
