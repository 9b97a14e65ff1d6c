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
import { type Caller, charge, checkGrant } from '../access/caller.ts';
import type { Headroom } from '../access/tenants.ts';
import { type Calls, publicError } from '../calls/calls.ts';
import { type BoundStream, bodyWeight, type Catalogue } from '../calls/catalogue.ts';
import type { RunningCall, Work } from '../calls/running-call.ts';
import type { SocketCodec } from './codec.ts';
import type { Outbox } from './outbox.ts';
import { Patience } from './patience.ts';

export interface SessionDeps {
  readonly clock: Clock;
  readonly calls: Calls;
  readonly catalogue: Catalogue;
  readonly requestId: () => string;
  /** @throws P2posError AUTH_REQUIRED */
  readonly admitToken: (token: string, app: string | undefined) => Promise<Caller>;
}

export interface SessionConfig {
  readonly requestTimeoutMs: number;
  readonly authTimeoutMs: number;
  readonly maxCalls: number;
  readonly maxSubscriptions: number;
}

type CallFrame = ClientFrame & { readonly op: 'call' };
type SubscribeFrame = ClientFrame & { readonly op: 'subscribe' };

const NO_INPUT: Readonly<Record<string, unknown>> = {};
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
  const { clock, calls, catalogue, requestId } = deps;
  const { socket, codec, outbox } = parts;
  const work = new Map<SocketId, Work>();
  const openedAt = clock.monotonic();
  let { caller } = parts;
  let heardAt = openedAt;
  let subscriptions = 0;
  let waiting: ClientFrame[] | undefined;
  let checking = false;
  let ended = false;
  let paused = false;
  let movedAt = openedAt;
  const patience = new Patience();
  let rest: Disposable | undefined;
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
    for (const one of [...work.values()])
      if (one.endsAtMs <= now)
        one.abort(new P2posError('TIMEOUT', { what: 'The node', timeoutMs: one.timeoutMs }));
    void checkAgain();
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
    takeAll(frames);
    // A client that does not read is not read either.
    if (!ended && !paused && outbox.isFull()) {
      paused = true;
      movedAt = heardAt;
      socket.pause();
      void outbox.room().then(() => {
        paused = false;
        heardAt = clock.monotonic();
        if (!waiting) socket.resume();
      });
    }
  }

  function takeAll(frames: readonly ClientFrame[]): void {
    for (const frame of frames) {
      if (ended) return;
      if (waiting) waiting.push(frame);
      else take(frame);
    }
  }

  function take(frame: ClientFrame): void {
    if (frame.op === 'ping') outbox.send({ type: 'pong' });
    else if (frame.op === 'auth') void authenticate(frame.token, frame.app);
    else if (!caller) close(SOCKET_CLOSE.unauthorized, new P2posError('AUTH_REQUIRED'));
    else if (frame.op === 'cancel' || frame.op === 'unsubscribe')
      work.get(frame.id)?.abort(new P2posError('CANCELLED'));
    else if (work.has(frame.id)) {
      const reason = `The id ${JSON.stringify(frame.id)} is in use by another call or subscription of this socket.`;
      tell(frame.id, new P2posError('BAD_REQUEST', { reason }), requestId());
    } else if (frame.op === 'call') call(frame, caller);
    else void subscribe(frame, caller);
  }

  async function authenticate(token: string, app: string | undefined): Promise<void> {
    // What goes on is its caller's, and would be nobody's when that one's token ends.
    if (caller && work.size > 0) {
      const reason = 'Calls or subscriptions of another token go on. End them first, or open another socket.';
      close(SOCKET_CLOSE.malformed, new P2posError('BAD_REQUEST', { reason }));
      return;
    }
    hold();
    try {
      caller = await deps.admitToken(token, app);
      if (!ended) outbox.send({ type: 'ready', app: caller.app });
    } catch (error) {
      close(SOCKET_CLOSE.unauthorized, publicError(error, requestId()));
    }
    goOn();
  }

  /** What follows in the meantime is kept in order; the client is not read further. */
  function hold(): void {
    waiting ??= [];
    socket.pause();
  }

  function goOn(): void {
    const frames = waiting ?? [];
    waiting = undefined;
    if (!paused) socket.resume();
    takeAll(frames);
  }

  /** What comes after a refusal for the quota waits, ever longer. */
  async function metered(charged: Promise<Headroom | undefined>): Promise<void> {
    if (patience.isStrained) hold();
    try {
      await charged;
      if (patience.isStrained && !rest) {
        patience.passed();
        goOn();
      }
    } catch (error) {
      if (isP2posError(error, 'QUOTA_EXCEEDED')) restFor(Number(error.details['retryAfterMs']));
      else if (patience.isStrained && !rest) goOn();
      throw error;
    }
  }

  function restFor(retryAfterMs: number): void {
    if (rest || ended) return;
    hold();
    rest = clock.after(patience.refused(retryAfterMs), () => {
      rest = undefined;
      goOn();
    });
  }

  /** What a token allows may change while its socket is open. */
  async function checkAgain(): Promise<void> {
    const asked = caller;
    if (checking || !asked?.again) return;
    checking = true;
    try {
      const now = await asked.again();
      // Another may have taken its place in the meantime.
      if (caller === asked) caller = now;
    } catch (error) {
      if (caller === asked) close(SOCKET_CLOSE.unauthorized, publicError(error, requestId()));
    } finally {
      checking = false;
    }
  }

  /** Once for every call of every client: no signal, id or promise that nobody asks for. */
  function call({ id, method, input, timeoutMs = Number.POSITIVE_INFINITY }: CallFrame, by: Caller): void {
    const one = calls.open(Math.min(timeoutMs, config.requestTimeoutMs));
    const end = (status: number) => {
      if (work.get(id) === one) work.delete(id);
      one.finish(status);
    };
    const fail = (cause: unknown) => {
      if (!one.over) end(tell(id, calls.failure(cause, one), one.requestId));
    };
    one.onAbort = fail;
    try {
      const { route, reader, handle, encode } = catalogue.call(method);
      one.operation = method;
      if (work.size - subscriptions >= config.maxCalls)
        throw new P2posError('OVERLOADED', { what: `This socket with ${config.maxCalls} calls` });
      work.set(id, one);
      const asked = {
        grant: route.grant,
        route,
        caller: by,
        bodyBytes: bodyWeight(route, input),
        charging: metered,
        work: (context: RunningCall) => handle(reader.read(input ?? NO_INPUT), context),
      };
      calls.run(asked, one).then((value) => {
        if (one.over) return;
        try {
          outbox.send({ id, type: 'result', output: encode(value) });
          end(route.status ?? 200);
        } catch (error) {
          fail(error);
        }
      }, fail);
    } catch (error) {
      fail(error);
    }
  }

  async function subscribe(frame: SubscribeFrame, by: Caller): Promise<void> {
    const { id, kind, op: _, ...fields } = frame;
    const one = calls.open(config.requestTimeoutMs);
    let opening: ReturnType<BoundStream['open']> | undefined;
    let isTaken = false;
    let counted = false;
    try {
      const bound: BoundStream = catalogue.stream(kind);
      one.operation = `stream ${kind}`;
      one.caller = by;
      if (subscriptions >= config.maxSubscriptions)
        throw new P2posError('OVERLOADED', { what: `This socket with its ${subscriptions} subscriptions` });
      checkGrant(by.grants, bound.stream.grant);
      subscriptions++;
      counted = true;
      work.set(id, one);
      if (by.tenant) await charge(by, undefined);
      const { signal } = one;
      signal.throwIfAborted();
      opening = bound.open(bound.reader.read(fields), one);
      const { opened, events } = await Promise.race([opening, aborted(signal)]);
      isTaken = true;
      one.endsAtMs = Number.POSITIVE_INFINITY;
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
      else tell(id, calls.failure(error, one), one.requestId);
    } finally {
      one.abort(new P2posError('CANCELLED'));
      if (opening && !isTaken) void letGo(opening);
      if (work.get(id) === one) work.delete(id);
      if (counted) subscriptions--;
    }
  }

  /** Answers the status. */
  function tell(id: SocketId | undefined, error: P2posError, request: string): number {
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
    return status;
  }

  function close(code: number, error: P2posError): void {
    if (ended) return;
    ended = true;
    timer[Symbol.dispose]();
    rest?.[Symbol.dispose]();
    for (const one of [...work.values()]) one.abort(error);
    tell(undefined, error, requestId());
    outbox.flush();
    // Longer reasons break the frame (RFC 6455 §5.5).
    socket.close(code, error.code);
  }

  socket.once('close', () => {
    ended = true;
    timer[Symbol.dispose]();
    rest?.[Symbol.dispose]();
    for (const one of [...work.values()]) one.abort(new P2posError('CANCELLED'));
  });
  return { receive, close };
}

/** What is opened although nobody waits for it any more ends at once, and gives back what it took. */
async function letGo(opening: ReturnType<BoundStream['open']>): Promise<void> {
  try {
    // One that was not begun would not come to its end.
    for await (const _ of (await opening).events) break;
  } catch {
    // It did not open, or ended with its signal.
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
