/** The certificate of a node on this machine: what it is got from, kept in, and served by. */
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { type AutoTls, createAutoTls, createForgeIssuer, readCertificate } from '../core/autotls/index.ts';
import type { Clock } from '../core/clock/index.ts';
import { createNodeCrypto } from '../core/crypto/index.ts';
import { type Identity, readSecretFile, replaceSecretFile } from '../core/identity/index.ts';
import type { Logger } from '../core/log/index.ts';
import type { Net } from '../core/net/index.ts';
import type { Random } from '../core/random/index.ts';

interface Surroundings {
  readonly config: Config;
  readonly home: string;
  readonly identity: Identity;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The net must listen: whoever lends a name dials back first. @throws P2posError AUTO_TLS_UNAVAILABLE */
export function openAutoTls(
  net: Net,
  { config, home, identity, clock, random, log }: Surroundings,
): Promise<AutoTls> {
  const { autoTls: mode, autoTlsDirectory, autoTlsRegistration, autoTlsDomain } = config.net;
  const issuer = createForgeIssuer(
    {
      fetch,
      clock,
      random,
      crypto: createNodeCrypto(),
      signer: identity.signer,
      addresses: net.addresses,
      account: secretText(join(home, 'tls', 'account.key')),
    },
    { directoryUrl: autoTlsDirectory, registrationUrl: autoTlsRegistration, domain: autoTlsDomain },
  );
  const file = secretText(join(home, 'tls', 'certificate.pem'));
  const kept = {
    async read() {
      const pem = await file.read();
      try {
        return pem === undefined ? undefined : readCertificate(pem, issuer.name);
      } catch (error) {
        log.info({ action: 'certificate', error }, 'the certificate that was kept cannot be used');
        return undefined;
      }
    },
    write: ({ pem }: { readonly pem: string }) => file.write(pem),
  };
  const serve = ({ pem }: { readonly pem: string }) => net.serveTls?.({ pem, domain: issuer.name });
  return createAutoTls({ issuer, kept, serve, clock, random, log }, { mode });
}

function secretText(path: string) {
  return {
    read: () => readSecretFile(path),
    write: (text: string) => replaceSecretFile(path, text),
  };
}
