/** TXT records from the DNS servers of this machine or from named ones. */
import { Resolver as DnsResolver } from 'node:dns/promises';
import { P2posError, type TxtResolver } from '@p2pos/protocol';

/** What c-ares says of a name without such records. */
const NOTHING = new Set(['ENODATA', 'ENOTFOUND']);
const TRY_TIMEOUT_MS = 1_500;

/** @param servers `192.0.2.53` or `192.0.2.53:5353`; none: those of this machine. */
export function createDnsResolver({ servers = [] }: { readonly servers?: readonly string[] }): TxtResolver {
  return {
    async txt(name, { signal }) {
      signal.throwIfAborted();
      // One for each question: cancelling ends all that a resolver has under way.
      const resolver = new DnsResolver({ timeout: TRY_TIMEOUT_MS, tries: 2 });
      if (servers.length > 0) resolver.setServers([...servers]);
      const cancel = () => resolver.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
      } catch (cause) {
        signal.throwIfAborted();
        const code = String((cause as NodeJS.ErrnoException).code);
        if (NOTHING.has(code)) return [];
        throw new P2posError('DNS_FAILED', { name, reason: code }, { cause });
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
  };
}
