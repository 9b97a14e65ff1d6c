/** The way of each request through the door: checks, body, handler within its deadline, answer or error, counting. */
import type { Readable } from 'node:stream';
import { P2posError } from '@p2pos/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import { type CallerDeps, identifyRequest } from '../access/caller.ts';
import { checkHost, checkOrigin } from '../access/origin.ts';
import type { Headroom } from '../access/tenants.ts';
import type { Calls } from '../calls/calls.ts';
import { UNMATCHED } from '../calls/observation.ts';
import type { RunningCall } from '../calls/running-call.ts';
import type { HttpLimits } from '../config.ts';
import { type Answer, detailsHeader, encodeError, SECURITY_HEADERS } from './answer.ts';
import { type Endpoint, isHtml, methodsOf } from './endpoint.ts';
import { checkContentType, expectedBytes, readBody } from './input/body.ts';
import { errorNotice, noticeAnswer } from './notice.ts';
import { fromFramework, notServed } from './refusal.ts';

export interface RequestDeps extends CallerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly calls: Calls;
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

interface Exchange {
  readonly call: RunningCall;
  /** Resolves when the answer is sent or the client gone. */
  readonly closed: Promise<void>;
}

export function installRequests(
  app: FastifyInstance,
  deps: RequestDeps,
  { limits, allowedHosts }: RequestConfig,
): Requests {
  const { clock, log, endpoints, calls } = deps;
  const exchanges = new WeakMap<FastifyRequest, Exchange>();
  const active = new Set<RunningCall>();
  let closing = false;

  /** The form of the request, as far as it shows before its body. */
  function begin(request: FastifyRequest, reply: FastifyReply): void {
    const { raw, method } = request;
    const endpoint = endpointOf(request);
    const call = calls.open(limits.requestTimeoutMs, request.id);
    if (endpoint) call.operation = endpoint.id;
    const closed = Promise.withResolvers<void>();
    exchanges.set(request, { call, closed: closed.promise });
    active.add(call);
    prepare(request, reply);
    reply.raw.once('close', () => {
      active.delete(call);
      closed.resolve();
      if (!reply.raw.writableFinished) call.abort(new P2posError('CANCELLED'));
      const { statusCode: status } = reply.raw;
      const { operation, ms } = call;
      call.finish(status);
      log.debug({ action: 'http_request', operation, status, ms, requestId: request.id }, 'request answered');
    });

    if (closing) throw new P2posError('NODE_CLOSING');
    if ((raw.url ?? '').length > limits.maxUrlBytes) {
      throw new P2posError('URL_TOO_LONG', { maxBytes: limits.maxUrlBytes });
    }
    checkHost(raw.headers.host, allowedHosts);
    checkOrigin(method, raw.headers);
    if (!endpoint) throw notServed(endpoints, method, raw.url ?? '');
  }

  async function serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { call, closed } = exchanges.get(request) as Exchange;
    const endpoint = endpointOf(request) as Endpoint;
    const { raw, headers } = request;
    const { grant, route } = endpoint;
    // Of a request that has one it is still unread.
    const stream = request.body as Readable | undefined;
    try {
      const asked = {
        grant,
        route,
        caller: identifyRequest(deps, raw, grant),
        bodyBytes: stream ? expectedBytes(headers, route) : 0,
        async charging(charged: Promise<Headroom | undefined>) {
          const headroom = await charged;
          if (headroom) reply.headers(rateHeaders(headroom));
        },
        async work() {
          checkContentType(route, headers['content-type']);
          const { maxDrainBytes } = limits;
          const body = stream && (await readBody(stream, { route, headers, maxDrainBytes }));
          using _limit = calls.limit(call);
          return await endpoint.answer({ url: raw.url ?? '', headers, body }, call);
        },
        until: closed,
      };
      send(reply, await calls.answer(asked, call));
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
    const error = calls.failure(fromFramework(cause, endpoints, request.raw.url ?? ''), {
      operation: endpoint?.id ?? UNMATCHED,
      requestId: request.id,
    });
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

  app.addHook('onRequest', (request, reply, done) => {
    try {
      begin(request, reply);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  app.setErrorHandler(refuse);
  app.setNotFoundHandler((request, reply) =>
    refuse(notServed(endpoints, request.method, request.raw.url ?? ''), request, reply),
  );
  app.removeAllContentTypeParsers();
  // Who asks is known before anything is read.
  app.addContentTypeParser('*', (_, stream, done) => done(null, stream));
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
      for (const call of active) call.abort(new P2posError('NODE_CLOSING'));
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
