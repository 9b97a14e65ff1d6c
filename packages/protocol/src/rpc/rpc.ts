/** `Rpc` on any `Net`: finds or opens the channel for each call, and takes the channels that peers open. */

import type { z } from 'zod';
import { type Clock, deadline } from '../clock.ts';
import { isP2posError, P2posError } from '../errors/errors.ts';
import type { CallContext, CallOptions, Capability, Method, Misconduct, Rpc } from './capability.ts';
import type { Channel, PeerId, RpcLog, RpcNet, RpcRandom } from './ports.ts';
import { createRequestIds } from './request-id.ts';
import { type Account, DEFAULT_RPC_LIMITS, type RpcLimits } from './session/account.ts';
import { Deadlines } from './session/deadlines.ts';
import { type Carrier, PendingCall } from './session/pending-call.ts';
import type { ServedMethod } from './session/serving.ts';
import { Session } from './session/session.ts';
import { encodeBody, maxBodyBytes } from './wire/body.ts';

export interface RpcDeps {
  readonly net: RpcNet;
  readonly clock: Clock;
  readonly log: RpcLog;
  readonly random?: RpcRandom | undefined;
}

export interface RpcConfig {
  /**
   * Whether the peer may call under `protocol` now; asked for every call. The network asks it too, when a peer opens
   * a channel; this also covers calls that a peer sends over a channel that we opened. Default: all may.
   */
  readonly admit?: ((peerId: PeerId, protocol: string) => boolean) | undefined;
  /** Told of each fault of a peer, and of each of its calls that was answered OVERLOADED. */
  readonly onMisconduct?: ((peerId: PeerId, what: Misconduct) => void) | undefined;
  readonly limits?: Partial<RpcLimits> | undefined;
}

/** Channels of one peer for one capability. More than these only a faulty peer opens; the oldest is given up. */
const MAX_SESSIONS = 4;

/** One peer under one protocol. */
interface Line extends Carrier {
  readonly sessions: Session[];
  /** Calls that wait for the channel being opened. */
  readonly waiting: Set<PendingCall>;
  opening: boolean;
}

interface Peer extends Account {
  readonly peerId: PeerId;
  readonly lines: Map<string, Line>;
}

interface CallInit {
  readonly peer: Peer;
  readonly deadlines: Deadlines;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly name: string;
  readonly options: CallOptions;
}

/** A call with what it holds here: its place in the peer's account, its deadline, its caller's signal. */
class Call extends PendingCall {
  readonly #init: CallInit;
  #stop: (() => void) | undefined = undefined;

  constructor(init: CallInit, method: Method, body: Uint8Array, deadlineAt: number) {
    super(method, body, deadlineAt);
    this.#init = init;
    const { signal } = init.options;
    if (signal) {
      this.#stop = () => this.abandon(signal.reason);
      signal.addEventListener('abort', this.#stop, { once: true });
    }
    init.peer.callsOut++;
    init.deadlines.add(this, deadlineAt);
  }

  expire(): void {
    const { peer, name, options } = this.#init;
    const { timeoutMs } = options;
    this.abandon(new P2posError('TIMEOUT', { what: `Node ${peer.peerId}`, timeoutMs, method: name }));
  }

  protected onResolved(value: unknown): void {
    this.#release();
    this.#init.resolve(value);
  }

  protected onRejected(error: unknown): void {
    this.#release();
    this.#init.reject(error);
  }

  #release(): void {
    this.#init.peer.callsOut--;
    this.#init.deadlines.remove(this);
    if (this.#stop) this.#init.options.signal?.removeEventListener('abort', this.#stop);
  }
}

export function createRpc({ net, clock, log, random }: RpcDeps, config: RpcConfig = {}): Rpc {
  const { admit = () => true, onMisconduct = () => {} } = config;
  const limits: RpcLimits = { ...DEFAULT_RPC_LIMITS, ...config.limits };
  const deadlines = new Deadlines({ clock });
  const newRequestId = createRequestIds({ clock, random });
  const peers = new Map<PeerId, Peer>();
  const served = new Map<string, ReadonlyMap<number, ServedMethod>>();
  const inAll = { receivingBytes: 0 };
  const stopping = new AbortController();
  const handlings = new Map<string, Disposable>();

  function peerOf(peerId: PeerId): Peer {
    let peer = peers.get(peerId);
    if (!peer) {
      peer = { peerId, lines: new Map(), callsOut: 0, callsIn: 0, queuedBytes: 0, receivingBytes: 0 };
      peers.set(peerId, peer);
    }
    return peer;
  }

  function lineOf(peer: Peer, protocol: string): Line {
    let line = peer.lines.get(protocol);
    if (!line) {
      const made: Line = {
        sessions: [],
        waiting: new Set(),
        opening: false,
        withdraw(call) {
          if (made.waiting.delete(call)) peer.queuedBytes -= call.body.length;
        },
      };
      line = made;
      peer.lines.set(protocol, line);
    }
    return line;
  }

  function forgetIfIdle(peer: Peer): void {
    for (const [protocol, line] of peer.lines) {
      if (line.sessions.length === 0 && !line.opening) peer.lines.delete(protocol);
    }
    if (peer.lines.size === 0 && peer.callsIn === 0 && peer.callsOut === 0) peers.delete(peer.peerId);
  }

  /** Makes a session of the channel, unless that has ended already. */
  function take(channel: Channel): boolean {
    const { peerId, protocol } = channel;
    if (stopping.signal.aborted) {
      channel.abort(stopping.signal.reason);
      return false;
    }
    const peer = peerOf(peerId);
    const line = lineOf(peer, protocol);
    const { sessions } = line;
    let session: Session | undefined;
    let over = false;
    session = new Session(
      {
        channel,
        selfId: net.peerId,
        clock,
        log,
        deadlines,
        account: peer,
        inAll,
        methods: () => served.get(protocol),
        admit: () => admit(peerId, protocol),
        newRequestId,
        onOverload: () => onMisconduct(peerId, 'overload'),
        onEnd(fault) {
          // A channel that has ended already tells so while its session is being made.
          over = true;
          const index = session ? sessions.indexOf(session) : -1;
          if (index >= 0) sessions.splice(index, 1);
          forgetIfIdle(peer);
          if (!fault) return;
          onMisconduct(peerId, 'fault');
          hangUp(peerId);
        },
        onLateEnd: () => forgetIfIdle(peer),
      },
      limits,
    );
    if (over) return false;
    // The newest is used first: an older one may hang on a connection that is half-open.
    sessions.unshift(session);
    if (sessions.length > MAX_SESSIONS) {
      sessions.at(-1)?.end(new P2posError('PEER_UNREACHABLE', { peerId }), { abort: true });
    }
    for (const call of [...line.waiting]) {
      line.withdraw(call);
      session.send(call);
    }
    return true;
  }

  function hangUp(peerId: PeerId): void {
    net.hangUp(peerId).catch((error) => log.warn({ action: 'hang_up', peerId, error }, 'hanging up failed'));
  }

  async function open(peer: Peer, protocol: string, line: Line): Promise<void> {
    line.opening = true;
    try {
      using limit = deadline(clock, limits.openTimeoutMs, {
        what: `Node ${peer.peerId}`,
        signal: stopping.signal,
      });
      const taken = take(await net.open(peer.peerId, protocol, { signal: limit.signal }));
      if (!taken) throw new P2posError('PEER_UNREACHABLE', { peerId: peer.peerId });
    } catch (cause) {
      const error = isP2posError(cause)
        ? cause
        : new P2posError('PEER_UNREACHABLE', { peerId: peer.peerId }, { cause });
      for (const call of [...line.waiting]) call.abandon(error);
    } finally {
      line.opening = false;
      forgetIfIdle(peer);
    }
  }

  function start(peer: Peer, protocol: string, call: PendingCall): void {
    const line = lineOf(peer, protocol);
    const session = line.sessions[0];
    if (session) {
      session.send(call);
      return;
    }
    call.carrier = line;
    line.waiting.add(call);
    peer.queuedBytes += call.body.length;
    if (!line.opening) void open(peer, protocol, line);
  }

  function call(peerId: PeerId, capability: Capability, name: string, input: unknown, options: CallOptions) {
    return new Promise<unknown>((resolve, reject) => {
      const { signal } = options;
      const timeoutMs = Math.min(options.timeoutMs, limits.maxDeadlineMs);
      const method = capability.methods[name] as Method;
      if (stopping.signal.aborted) return reject(stopping.signal.reason);
      if (signal?.aborted) return reject(signal.reason);
      const body = encodeBody(input);
      const maxBytes = maxBodyBytes(method);
      if (body.length > maxBytes) return reject(new P2posError('BODY_TOO_LARGE', { maxBytes }));
      const peer = peerOf(peerId);
      if (peer.callsOut >= limits.maxCallsOut || peer.queuedBytes + body.length > limits.maxQueuedBytes) {
        return reject(new P2posError('OVERLOADED', { what: `Node ${peerId}` }));
      }
      const deadlineAt = clock.monotonic() + timeoutMs;
      const pending = new Call({ peer, deadlines, resolve, reject, name, options }, method, body, deadlineAt);
      start(peer, capability.protocol, pending);
    });
  }

  return {
    serve(capability, handlers) {
      const { protocol, methods } = capability;
      if (served.has(protocol)) throw new Error(`${protocol} is already served`);
      const byId = new Map<number, ServedMethod>();
      for (const [name, method] of Object.entries(methods)) {
        if (byId.has(method.id)) throw new Error(`${protocol} has two methods with the id ${method.id}`);
        const handler = handlers[name] as (input: unknown, context: CallContext) => Promise<unknown>;
        byId.set(method.id, { name: `${protocol} ${name}`, method, handler });
      }
      served.set(protocol, byId);
      const handling = net.handle(protocol, (channel) => void take(channel));
      handlings.set(protocol, handling);
      return {
        [Symbol.dispose]() {
          if (handlings.get(protocol) !== handling) return;
          handlings.delete(protocol);
          served.delete(protocol);
          handling[Symbol.dispose]();
        },
      };
    },
    call: (peerId, capability, name, input, options) =>
      call(peerId, capability, name, input, options) as Promise<
        z.output<(typeof capability.methods)[typeof name]['output']>
      >,
    async [Symbol.asyncDispose]() {
      const reason = new P2posError('CANCELLED');
      stopping.abort(reason);
      for (const handling of handlings.values()) handling[Symbol.dispose]();
      handlings.clear();
      served.clear();
      for (const peer of [...peers.values()]) {
        for (const line of [...peer.lines.values()]) {
          for (const waiting of [...line.waiting]) waiting.abandon(reason);
          for (const session of [...line.sessions]) session.end(reason);
        }
      }
      deadlines.close();
    },
  };
}
