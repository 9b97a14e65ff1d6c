/** One client on one socket: its calls and subscriptions, each within its bounds, ended together when it goes. */
import {
  type ClientFrame,
  isP2posError,
  P2posError,
  SOCKET_CLOSE,
  SOCKET_HEARTBEAT_MS,
  type SocketId,
} from '@p2pos/protocol';
import type { WebSocket } from 'ws';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Admission } from '../admission.ts';
import { publicError } from '../answer.ts';
import { type Caller, checkGrant } from '../caller.ts';
import type { Observation } from '../request-metrics.ts';
import type { BoundCall, BoundStream, Catalogue } from './catalogue.ts';
import type { SocketCodec } from './codec.ts';
import type { Outbox } from './outbox.ts';

export interface SessionDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly admission: Admission;
  readonly catalogue: Catalogue;
  readonly observe: (observation: Observation) => void;
  readonly requestId: () => string;
  /** @throws P2posError AUTH_REQUIRED */
  readonly admitToken: (token: string, app: string | undefined) => Caller;
}

export interface SessionConfig {
  readonly requestTimeoutMs: number;
  readonly authTimeoutMs: number;
  readonly maxCalls: number;
  readonly maxSubscriptions: number;
}

interface Work {
  readonly end: AbortController;
  /** Monotonic; a subscription that is open has none. */
  endsAtMs: number;
  readonly timeoutMs: number;
  readonly subscription: boolean;
}

/** A client that takes nothing that it is sent for this long is given up. */
const STALLED_MS = 15 * 60_000;
/** How often deadlines and silence are looked at. */
const TICK_MS = 1_000;

export interface Session {
  receive(message: Buffer, isBinary: boolean): void;
  /** Tells the client to go elsewhere, ends what is under way. */
  close(code: number, error: P2posError): void;
}

export function createSession(
  deps: SessionDeps,
  config: SessionConfig,
  parts: {
    readonly socket: WebSocket;
    readonly codec: SocketCodec;
    readonly outbox: Outbox;
    readonly caller: Caller | undefined;
  },
): Session {
  const { clock, log, admission, catalogue, observe, requestId } = deps;
  const { socket, codec, outbox } = parts;
  const work = new Map<SocketId, Work>();
  const openedAt = clock.monotonic();
  let { caller } = parts;
  let heardAt = openedAt;
  let subscriptions = 0;
  let ended = false;
  let paused = false;
  let movedAt = openedAt;
  let timer = clock.after(TICK_MS, tick);
  if (caller) outbox.send({ type: 'ready', app: caller.app });

  function tick(): void {
    const now = clock.monotonic();
    if (!caller && now - openedAt >= config.authTimeoutMs) {
      close(SOCKET_CLOSE.unauthorized, new P2posError('AUTH_REQUIRED'));
      return;
    }
    // What is not read cannot be heard: who takes little is slow, not silent, unless it takes nothing at all for long.
    const silentMs =
      now - (paused ? Math.max(heardAt, movedAt + STALLED_MS - 2 * SOCKET_HEARTBEAT_MS) : heardAt);
    if (silentMs >= 2 * SOCKET_HEARTBEAT_MS) {
      close(SOCKET_CLOSE.silent, new P2posError('TIMEOUT', { what: 'The client', timeoutMs: silentMs }));
      return;
    }
    for (const { end, endsAtMs, timeoutMs } of work.values())
      if (endsAtMs <= now) end.abort(new P2posError('TIMEOUT', { what: 'The node', timeoutMs }));
    timer = clock.after(TICK_MS, tick);
  }

  function receive(message: Buffer, isBinary: boolean): void {
    if (ended) return;
    heardAt = clock.monotonic();
    let frames: ClientFrame[];
    try {
      frames = codec.decode(message, isBinary);
    } catch (error) {
      close(SOCKET_CLOSE.malformed, publicError(error, requestId()));
      return;
    }
    for (const frame of frames) {
      if (ended) return;
      take(frame);
    }
    // A client that does not read is not read either.
    if (!ended && !paused && outbox.isFull()) {
      paused = true;
      movedAt = heardAt;
      socket.pause();
      void outbox.room().then(() => {
        paused = false;
        heardAt = clock.monotonic();
        socket.resume();
      });
    }
  }

  function take(frame: ClientFrame): void {
    if (frame.op === 'ping') outbox.send({ type: 'pong' });
    else if (frame.op === 'auth') authenticate(frame.token, frame.app);
    else if (!caller) close(SOCKET_CLOSE.unauthorized, new P2posError('AUTH_REQUIRED'));
    else if (frame.op === 'cancel' || frame.op === 'unsubscribe')
      work.get(frame.id)?.end.abort(new P2posError('CANCELLED'));
    else if (work.has(frame.id)) {
      const reason = `The id ${JSON.stringify(frame.id)} is in use by another call or subscription of this socket.`;
      fail(frame.id, new P2posError('BAD_REQUEST', { reason }), requestId());
    } else if (frame.op === 'call') void call(frame, caller);
    else void subscribe(frame, caller);
  }

  function authenticate(token: string, app: string | undefined): void {
    try {
      caller = deps.admitToken(token, app);
      outbox.send({ type: 'ready', app: caller.app });
    } catch (error) {
      close(SOCKET_CLOSE.unauthorized, publicError(error, requestId()));
    }
  }

  async function call(frame: ClientFrame & { readonly op: 'call' }, { app, grants }: Caller): Promise<void> {
    const { id, method } = frame;
    const startedAt = clock.monotonic();
    const request = requestId();
    let place: Disposable | undefined;
    let status = 200;
    try {
      const bound: BoundCall = catalogue.call(method);
      checkGrant(grants, bound.route.grant);
      const input = bound.reader.read(frame.input ?? {});
      const current = begin(
        id,
        Math.min(frame.timeoutMs ?? Number.POSITIVE_INFINITY, config.requestTimeoutMs),
        false,
      );
      place = admission.enter(bound.route.body ? bytesOf(input['body']) : 0);
      const { signal } = current.end;
      const running = bound.handle(input, { app, grants, requestId: request, signal });
      const value = await Promise.race([running, aborted(signal)]);
      outbox.send({ id, type: 'result', output: bound.encode(value) });
      status = bound.route.status ?? 200;
    } catch (error) {
      status = fail(id, error, request).status;
    } finally {
      place?.[Symbol.dispose]();
      work.delete(id);
      observe({ operation: method, status, ms: clock.monotonic() - startedAt });
    }
  }

  async function subscribe(
    frame: ClientFrame & { readonly op: 'subscribe' },
    { app, grants }: Caller,
  ): Promise<void> {
    const { id, kind, op: _, ...fields } = frame;
    const request = requestId();
    let counted = false;
    try {
      const bound: BoundStream = catalogue.stream(kind);
      checkGrant(grants, bound.stream.grant);
      const input = bound.reader.read(fields);
      if (subscriptions >= config.maxSubscriptions)
        throw new P2posError('OVERLOADED', { what: `This socket with its ${subscriptions} subscriptions` });
      subscriptions++;
      counted = true;
      const current = begin(id, config.requestTimeoutMs, true);
      const { signal } = current.end;
      const context = { app, grants, requestId: request, signal };
      const { opened, events } = await Promise.race([bound.open(input, context), aborted(signal)]);
      current.endsAtMs = Number.POSITIVE_INFINITY;
      outbox.send({ ...bound.encodeOpened(opened), id, type: 'open' });
      for await (const told of events) {
        for (const event of Array.isArray(told) ? told : [told]) {
          // Others wait for the same room, and one of them may have taken it.
          while (outbox.isFull()) await outbox.room();
          if (signal.aborted) break;
          outbox.send({ id, shared: codec.share(bound.encodeEvent(event)) });
        }
        if (signal.aborted) break;
      }
      outbox.send({ id, type: 'end' });
    } catch (error) {
      if (isP2posError(error, 'CANCELLED')) outbox.send({ id, type: 'end' });
      else fail(id, error, request);
    } finally {
      work.get(id)?.end.abort(new P2posError('CANCELLED'));
      work.delete(id);
      if (counted) subscriptions--;
    }
  }

  function begin(id: SocketId, timeoutMs: number, subscription: boolean): Work {
    if (!subscription && work.size - subscriptions >= config.maxCalls)
      throw new P2posError('OVERLOADED', { what: `This socket with ${config.maxCalls} calls` });
    const endsAtMs = clock.monotonic() + timeoutMs;
    const one: Work = { end: new AbortController(), endsAtMs, timeoutMs, subscription };
    work.set(id, one);
    return one;
  }

  function fail(id: SocketId | undefined, cause: unknown, request: string): P2posError {
    const error = publicError(cause, request);
    if (error.code === 'INTERNAL') {
      log.error(
        { action: 'socket_frame', requestId: request, error: error.cause },
        'request failed inside the node',
      );
    }
    const { code, message, status } = error;
    const details = code === 'INTERNAL' ? {} : error.details;
    outbox.send({
      ...(id !== undefined && { id }),
      type: 'error',
      code,
      message,
      details,
      status,
      requestId: request,
    });
    return error;
  }

  function close(code: number, error: P2posError): void {
    if (ended) return;
    ended = true;
    timer[Symbol.dispose]();
    for (const { end } of work.values()) end.abort(error);
    fail(undefined, error, requestId());
    outbox.flush();
    // Longer reasons break the frame (RFC 6455 §5.5).
    socket.close(code, error.code);
  }

  socket.once('close', () => {
    ended = true;
    timer[Symbol.dispose]();
    for (const { end } of work.values()) end.abort(new P2posError('CANCELLED'));
  });
  return { receive, close };
}

function bytesOf(body: unknown): number {
  return body instanceof Uint8Array ? body.length : 1;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
