/**
 * The certificate by which browsers reach a node (P5): `off` never asks for one; `on` has one before the node serves, or the
 * node does not start; `auto` asks in the background and serves without it meanwhile. Whoever issues it is a port. No issuer
 * is built in yet, so `on` is refused with AUTO_TLS_UNAVAILABLE and `auto` serves without, and says so in its health.
 *
 * @example
 * await using tls = await createAutoTls({ issuer, clock, random, log }, { mode: 'auto' });
 * tls.current()?.notAfterMs;
 */
export { type AutoTls, type AutoTlsMode, type Certificate, createAutoTls, type Issuer } from './autotls.ts';
