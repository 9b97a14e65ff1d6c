/** All doors of a node, made together: HTTP, its WebSocket, and the one for clients that are peers. */
import type { AddressInfo, Socket } from 'node:net';
import fastify from 'fastify';
import type { Clock } from '../core/clock/index.ts';
import type { Logger } from '../core/log/index.ts';
import type { PeerId } from '../core/net/index.ts';
import type { Random } from '../core/random/index.ts';
import { openAdminToken } from './access/admin-token.ts';
import { admitToken } from './access/caller.ts';
import { guardOperation, guardStream } from './access/guard.ts';
import { bindSession } from './access/session-routes.ts';
import { createSessions } from './access/sessions.ts';
import type { Tenants } from './access/tenants.ts';
import { createAdmission } from './calls/admission.ts';
import { createCalls } from './calls/calls.ts';
import { createCatalogue } from './calls/catalogue.ts';
import { createObserver } from './calls/observation.ts';
import { createRequestId } from './calls/request-id.ts';
import { HTTP_LIMITS, type HttpConfig, type HttpLimits } from './config.ts';
import { answerClientFault } from './http/client-error.ts';
import { boundConnections } from './http/connections.ts';
import { operationEndpoint } from './http/endpoint.ts';
import { listenFailure } from './http/port-holder.ts';
import { refusePath } from './http/refusal.ts';
import { installRequests, type Requests } from './http/requests.ts';
import { createHttpServer } from './http/server.ts';
import { createPeerDoor, type PeerCalls } from './peers/peer-door.ts';
import type { Service, StreamOperation } from './service.ts';
import type { Metrics } from './site/metrics.ts';
import { openPage } from './site/page.ts';
import { siteEndpoints } from './site/site.ts';
import { createSocketDoor } from './socket/door.ts';
import { bindDev, type Supervisor } from './supervisor.ts';

/** After those in flight were told to end, for their answers to leave. */
const LAST_WORDS_MS = 200;

export interface HttpDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly peerId: PeerId;
  readonly metrics: Metrics;
  /** Everything that is served, each made by `bindRoutes`. */
  readonly services: readonly Service[];
  /** Made by `bindStreams`; followed over the WebSocket door. */
  readonly streams?: readonly StreamOperation[];
  /** Absent: there are no apps but the operator's own. */
  readonly tenants?: Tenants | undefined;
  /** Present where clients may also come as peers. */
  readonly peers?: PeerCalls | undefined;
  /** Present only under `p2pctl dev`. */
  readonly supervisor?: Supervisor | undefined;
}

export interface HttpDoor extends AsyncDisposable {
  /** `http://127.0.0.1:4180` */
  readonly url: string;
  readonly port: number;
}

/** @throws P2posError PORT_IN_USE, LISTEN_FAILED, TOKEN_FILE_INVALID */
export async function listenHttp(deps: HttpDeps, config: HttpConfig): Promise<HttpDoor> {
  const { clock, random, log, peerId, metrics, supervisor } = deps;
  const { host = '127.0.0.1', port = 4_180, version, tokenFile, allowedHosts = [], pageFolder } = config;
  const limits: HttpLimits = { ...HTTP_LIMITS, ...config.limits };
  const token = await openAdminToken({ random, log }, { file: tokenFile });
  const sessions = createSessions({ clock, random, peerId, secret: token.secret }, limits);
  const page = pageFolder === undefined ? undefined : await openPage(pageFolder);
  const services = [
    ...deps.services,
    bindSession(sessions, () => url),
    ...(supervisor ? [bindDev(supervisor)] : []),
  ];
  const { tenants } = deps;
  const operations = services.flat().map((operation) => guardOperation(operation, tenants));
  const endpoints = [
    ...operations.map(operationEndpoint),
    ...siteEndpoints({ operations, version, metrics, sessions, page }),
  ];
  const requestId = () => createRequestId({ clock, random });
  const admission = createAdmission(limits);
  const observe = createObserver({ metrics, admission }, { operations: endpoints.map(({ id }) => id) });
  const calls = createCalls({ clock, log, admission, observe, requestId });

  const app = fastify({
    genReqId: requestId,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: limits.maxUrlBytes },
    frameworkErrors: (error, request, reply) => requests.refuse(error, request, reply),
    serverFactory: (handle) => createHttpServer(handle, limits),
    clientErrorHandler: (fault, socket) =>
      answerClientFault(fault, socket as Socket, {
        requestId: requestId(),
        maxHeaderBytes: limits.maxHeaderBytes,
        refusePath: (target) => refusePath(endpoints, target),
      }),
  });
  const requests: Requests = installRequests(
    app,
    { clock, log, calls, endpoints, token, sessions, tenants },
    { limits, allowedHosts },
  );
  const shared = {
    clock,
    calls,
    requestId,
    catalogue: createCatalogue(operations, (deps.streams ?? []).map(guardStream)),
    admitToken: (guess: string, as: string | undefined) =>
      admitToken({ token, sessions, tenants }, guess, as),
  };
  const sockets = createSocketDoor(
    { ...shared, metrics, token, sessions, tenants },
    {
      allowedHosts,
      requestTimeoutMs: limits.requestTimeoutMs,
      authTimeoutMs: limits.socketAuthTimeoutMs,
      maxSockets: limits.maxSockets,
      maxCalls: limits.maxCallsPerSocket,
      maxSubscriptions: limits.maxSubscriptionsPerSocket,
      highWaterBytes: limits.socketHighWaterBytes,
    },
  );
  app.server.on('upgrade', sockets.upgrade);
  boundConnections(app.server, { clock, log, metrics, sockets }, limits);
  const { peers } = deps;
  const peerDoor = peers && createPeerDoor({ ...shared, peers }, limits);

  try {
    await app.listen({ host, port });
  } catch (error) {
    peerDoor?.[Symbol.dispose]();
    await app.close();
    throw await listenFailure(error as NodeJS.ErrnoException, host, port);
  }
  const bound = (app.server.address() as AddressInfo).port;
  const url = `http://${shownHost(host)}:${bound}`;
  log.info({ action: 'listen_http', url }, 'http door open');
  if (!isLoopback(host)) {
    log.warn({ action: 'listen_http', url }, 'http door reachable from other machines without encryption');
  }

  return {
    url,
    port: bound,
    async [Symbol.asyncDispose]() {
      requests.close();
      peerDoor?.[Symbol.dispose]();
      const closed = sockets[Symbol.asyncDispose]();
      using _patience = clock.after(limits.closeTimeoutMs, () => {
        requests.abort();
        clock.after(LAST_WORDS_MS, () => app.server.closeAllConnections());
      });
      await closed;
      await app.close();
    },
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** How a client on this machine writes it. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
