/**
 * The HTTP door: programs with a token and the page with a session come in here. It knows contracts and the methods
 * bound to them, never a service.
 *
 * Promises: every answer that is not the contract's is {code, message, details, requestId}, whatever went wrong and
 * wherever; nothing is read that its route does not take; no foreign page and no rebound name gets in; each request
 * ends by its deadline, and the signal its handler got aborts with it or when the client is gone.
 *
 * @example
 * const metrics = createMetrics({ clock });
 * await using door = await listenHttp(
 *   { clock, random, log, peerId, metrics, services: [bindRoutes('kv', kvRoutes, kvHandlers)] },
 *   { version: '0.1.0', port: 4180, tokenFile: join(home, 'token'), pageFolder },
 * );
 */

export type { Tenants } from './access/tenants.ts';
export type { HttpConfig } from './config.ts';
export type { HttpDoor } from './doors.ts';
export { listenHttp } from './doors.ts';
export type { PeerCalls } from './peers/peer-door.ts';
export type { Service, StreamOperation } from './service.ts';
export { bindRoutes, bindStreams } from './service.ts';
export { createMetrics, type Metrics } from './site/metrics.ts';
export type { Supervisor } from './supervisor.ts';
