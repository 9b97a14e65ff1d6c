/**
 * The certificate by which browsers reach a node (P5): `off` never asks for one; `on` has one before the node opens its door,
 * or the node does not start; `auto` asks in the background, serves without it meanwhile, and says why in its health. It is
 * kept over restarts and renewed with a third of its life left; one that ended is no longer told of, and one that cannot be
 * written is served all the same until it can. `createForgeIssuer` gets it by ACME for a name that a registration endpoint lends.
 *
 * @example
 * const issuer = createForgeIssuer(deps, { directoryUrl, registrationUrl, domain: 'libp2p.direct' });
 * await using tls = await createAutoTls({ issuer, kept, serve, clock, random, log }, { mode: 'auto' });
 * tls.current()?.notAfterMs;
 */
export {
  type AutoTls,
  type AutoTlsMode,
  type Certificate,
  createAutoTls,
  type Issuer,
  type KeptCertificate,
} from './autotls.ts';
export { createForgeIssuer, forgeName, readCertificate, type SecretText } from './forge.ts';
