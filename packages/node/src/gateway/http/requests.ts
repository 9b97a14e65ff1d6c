/** The way of each request through the door: checks, body, handler within its deadline, answer or error, counting. */
import type { Readable } from 'node:stream';
import { P2posError } from '@p2pos/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, deadline } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import { admitCaller, type Caller, type CallerDeps, charge, contextOf } from '../access/caller.ts';
import { checkHost, checkOrigin } from '../access/origin.ts';
import type { Headroom } from '../access/tenants.ts';
import type { Admission } from '../admission.ts';
import type { HttpLimits } from '../config.ts';
import { type Answer, detailsHeader, encodeError, publicError, SECURITY_HEADERS } from './answer.ts';
import { checkContentType, expectedBytes, readBody } from './body.ts';
import { type Endpoint, isHtml, methodsOf } from './endpoint.ts';
import { errorNotice, noticeAnswer } from './notice.ts';
import { fromFramework, notServed } from './refusal.ts';
import type { Observation } from './request-metrics.ts';

export interface RequestDeps extends CallerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly observe: (observation: Observation) => void;
  readonly admission: Admission;
  readonly endpoints: readonly Endpoint[];
}

export interface RequestConfig {
  readonly limits: HttpLimits;
  readonly allowedHosts: readonly string[];
}

export interface Requests {
  /** For what the framework refuses before any route. */
  refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): void;
  /** From now on new requests are refused; those in flight go on. */
  close(): void;
  /** Ends those in flight with NODE_CLOSING. */
  abort(): void;
}

interface Call {
  readonly endpoint: Endpoint;
  readonly caller: Caller;
  /** Aborts when the client is gone or the door gives up on it. */
  readonly end: AbortController;
  /** Resolves when the answer is sent or the client gone. */
  readonly closed: Promise<void>;
}

/** A body with the place in admission that it was read under. */
interface Received {
  readonly bytes: Uint8Array;
  readonly place: Disposable;
}

export function installRequests(
  app: FastifyInstance,
  deps: RequestDeps,
  { limits, allowedHosts }: RequestConfig,
): Requests {
  const { clock, log, endpoints, admission, observe } = deps;
  const calls = new WeakMap<FastifyRequest, Call>();
  const active = new Set<AbortController>();
  let closing = false;

  async function begin(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { raw, method } = request;
    const endpoint = endpointOf(request);
    const end = new AbortController();
    const closed = Promise.withResolvers<void>();
    const startedAt = clock.monotonic();
    active.add(end);
    prepare(request, reply);
    reply.raw.once('close', () => {
      active.delete(end);
      closed.resolve();
      if (!reply.raw.writableFinished) end.abort(new P2posError('CANCELLED'));
      const ms = clock.monotonic() - startedAt;
      const { statusCode: status } = reply.raw;
      observe({ operation: endpoint?.id ?? 'unmatched', status, ms });
      log.debug(
        { action: 'http_request', operation: endpoint?.id, status, ms, requestId: request.id },
        'request answered',
      );
    });

    if (closing) throw new P2posError('NODE_CLOSING');
    if ((raw.url ?? '').length > limits.maxUrlBytes) {
      throw new P2posError('URL_TOO_LONG', { maxBytes: limits.maxUrlBytes });
    }
    checkHost(raw.headers.host, allowedHosts);
    checkOrigin(method, raw.headers);
    if (!endpoint) throw notServed(endpoints, method, raw.url ?? '');
    const caller = await admitCaller(deps, raw, endpoint.grant);
    const headroom = await charge(caller, endpoint.route);
    if (headroom) reply.headers(rateHeaders(headroom));
    checkContentType(endpoint.route, raw.headers['content-type']);
    calls.set(request, { endpoint, caller, end, closed: closed.promise });
  }

  async function receive(request: FastifyRequest, stream: Readable): Promise<Received> {
    const route = endpointOf(request)?.route;
    const place = admission.enter(expectedBytes(request.headers, route));
    try {
      const { maxDrainBytes } = limits;
      return { place, bytes: await readBody(stream, { route, headers: request.headers, maxDrainBytes }) };
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  }

  async function serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { endpoint, caller, end, closed } = calls.get(request) as Call;
    const received = request.body as Received | undefined;
    try {
      // What tells operators how the node is doing answers under load as well.
      const exempt = endpoint.grant === 'none' || endpoint.grant === 'loopback';
      const place = received?.place ?? (exempt ? undefined : admission.enter(0));
      const timer = deadline(clock, limits.requestTimeoutMs, { what: 'The node', signal: end.signal });
      const { signal } = timer;
      const work = (async () =>
        endpoint.answer(
          { url: request.raw.url ?? '', headers: request.headers, body: received?.bytes },
          contextOf(caller, request.id, signal),
        ))();
      // A handler that goes on after its deadline, and an answer that is not fetched, still take their place.
      void Promise.allSettled([work, closed]).then(() => place?.[Symbol.dispose]());
      try {
        send(reply, await Promise.race([work, rejected(signal)]));
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      } finally {
        timer[Symbol.dispose]();
      }
      const patience = clock.after(limits.requestTimeoutMs, () => reply.raw.destroy());
      void closed.then(() => patience[Symbol.dispose]());
    } catch (error) {
      refuse(error, request, reply);
    }
  }

  function refuse(cause: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.sent || reply.raw.destroyed) return;
    prepare(request, reply);
    const endpoint = endpointOf(request);
    const error = publicError(fromFramework(cause, endpoints, request.raw.url ?? ''), request.id);
    if (error.code === 'INTERNAL') {
      const fields = {
        action: 'http_request',
        operation: endpoint?.id,
        requestId: request.id,
        error: error.cause,
      };
      log.error(fields, 'request failed inside the node');
    }
    const plain = encodeError(error, request.id);
    const answer =
      request.method === 'HEAD'
        ? { ...plain, headers: { ...plain.headers, ...detailsHeader(error) } }
        : plain;
    const wantsPage =
      endpoint?.route && isHtml(endpoint.route) && request.headers.accept?.includes('text/html');
    const page = noticeAnswer(answer.status, errorNotice(error.code, error.message));
    send(reply, wantsPage ? { ...page, headers: { ...answer.headers, ...page.headers } } : answer);
  }

  function prepare(request: FastifyRequest, reply: FastifyReply): void {
    reply.headers({ ...SECURITY_HEADERS, 'x-request-id': request.id });
    if (closing) reply.header('connection', 'close');
  }

  app.addHook('onRequest', async (request, reply) => begin(request, reply));
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) =>
    refuse(notServed(endpoints, request.method, request.raw.url ?? ''), request, reply),
  );
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, stream: Readable) => receive(request, stream));
  for (const endpoint of endpoints) {
    const ownHead = endpoints.some(({ method, path }) => method === 'HEAD' && path === endpoint.path);
    app.route({
      method: ownHead ? endpoint.method : methodsOf(endpoint),
      url: endpoint.path.replace(/\{\w+\+\}$/, '*').replace(/\{(\w+)\}/g, ':$1'),
      config: { endpoint },
      handler: (request, reply) => void serve(request, reply),
    });
  }

  return {
    refuse,
    close() {
      closing = true;
    },
    abort() {
      for (const end of active) end.abort(new P2posError('NODE_CLOSING'));
    },
  };
}

function endpointOf(request: FastifyRequest): Endpoint | undefined {
  return (request.routeOptions?.config as { readonly endpoint?: Endpoint } | undefined)?.endpoint;
}

/** IETF draft-ietf-httpapi-ratelimit-headers-07. */
function rateHeaders({ limit, remaining, resetMs }: Headroom): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(resetMs / 1_000)),
  };
}

function send(reply: FastifyReply, { status, headers, body }: Answer): void {
  reply.code(status).headers(headers).send(body);
}

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}
