/** TLS on the ports for WebSockets, beside what is plain there: by a certificate whose names stand for addresses. */
import type { Address, ServedCertificate } from './port.ts';

const PLAIN = /^\/(ip4|ip6)\/([^/]+)\/tcp\/(\d+)\/ws(\/p2p\/[^/]+)?$/;
const BARE = /^\/ip[46]\/[^/]+\/tcp\/\d+\/tls\/ws(\/|$)/;

export interface CertificateParts {
  readonly events: { safeDispatchEvent(name: string, detail: { readonly detail: object }): boolean };
}

export interface TlsServing {
  serve(certificate: ServedCertificate): void;
  /** With the name at which each address for WebSockets has TLS; the address alone has none that a browser takes. */
  named(addresses: readonly Address[]): Address[];
}

export function createTlsServing(parts: () => CertificateParts | undefined): TlsServing {
  let domain: string | undefined;
  return {
    serve({ pem, domain: name }) {
      const change = domain === undefined ? 'provision' : 'renew';
      domain = name;
      // The listeners of js-libp2p take both out of it.
      parts()?.events.safeDispatchEvent(`certificate:${change}`, { detail: { key: pem, cert: pem } });
    },
    named(addresses) {
      const plain = addresses.filter((address) => !BARE.test(address));
      if (domain === undefined) return plain;
      return plain.flatMap((address) => {
        const [, version, host = '', port, peer = ''] = PLAIN.exec(address) ?? [];
        if (version === undefined) return [address];
        return [address, `/${version}/${host}/tcp/${port}/tls/sni/${labelOf(host)}.${domain}/ws${peer}`];
      });
    },
  };
}

/** `192.0.2.1` → `192-0-2-1`, `2001:db8::` → `2001-db8--0`: no label of a name begins or ends in a hyphen. */
export function labelOf(host: string): string {
  return host.replace(/[.:]/g, '-').replace(/^-/, '0-').replace(/-$/, '-0');
}
