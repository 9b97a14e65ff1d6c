/** The calls that the peer makes on one channel: judged, received, handled, answered. */

import type { Clock } from '../../clock.ts';
import { isP2posError, P2posError } from '../../errors/errors.ts';
import type { RpcLog } from '../ports.ts';
import { type Assembler, type Assembly, append, placeIn } from '../wire/assembly.ts';
import { decodeBody, encodeBody, firstIssue, maxBodyBytes } from '../wire/body.ts';
import { encodeError } from '../wire/error.ts';
import { ANSWER, CALL, ERROR, type Frame, ProtocolFault } from '../wire/frame.ts';
import type { Account, RpcLimits } from './account.ts';
import type { Deadlines } from './deadlines.ts';
import { createMessage, type Outbox } from './outbox.ts';
import { type ServedMethod, Serving } from './serving.ts';

export interface IncomingDeps {
  readonly peerId: string;
  /** This node. */
  readonly selfId: string;
  readonly protocol: string;
  readonly clock: Clock;
  readonly log: RpcLog;
  readonly deadlines: Deadlines;
  readonly outbox: Outbox;
  readonly account: Account;
  readonly assembler: Assembler;
  /** What may be called; undefined: nothing is served under this protocol. */
  readonly methods: () => ReadonlyMap<number, ServedMethod> | undefined;
  readonly admit: () => boolean;
  readonly newRequestId: () => string;
  readonly onOverload: () => void;
  /** The peer broke the protocol, found outside of `onFrame`. */
  readonly onFault: (fault: ProtocolFault) => void;
  /** A handler has settled after the end. */
  readonly onLateEnd: () => void;
}

/** No method can have a greater body; a call that announces one is no honest call. */
const MAX_BODY_BYTES = 64 * 1_048_576;
/** Answers that say "too much" may queue beyond the limit; a peer that reads none of them is given up. */
const REFUSAL_BYTES = 1_048_576;

export class Incoming {
  readonly #deps: IncomingDeps;
  readonly #limits: RpcLimits;
  readonly #servings = new Map<number, Serving>();
  #lastIdSeen = 0;
  #callsSeen = 0;
  #cancelsSeen = 0;
  #ended = false;

  constructor(deps: IncomingDeps, limits: RpcLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  end(error: P2posError): void {
    this.#ended = true;
    for (const serving of [...this.#servings.values()]) {
      serving.end(error);
      if (!serving.running) this.#release(serving);
    }
  }

  /** A whole call or part of one. @throws ProtocolFault; P2posError when the body is no CBOR */
  onFrame(frame: Frame): void {
    const { payload } = frame;
    const serving = this.#accept(frame, payload.length);
    if (!serving) return;
    if (!serving.body && payload.length === frame.bodyBytes) {
      this.#run(serving, payload, { shares: false });
    } else {
      const body = this.#bodyOf(serving, frame);
      if (!body) return;
      append(body, payload);
      this.#advanced(serving, body);
    }
  }

  onLongFrame(frame: Frame, payloadBytes: number): Uint8Array | undefined {
    const serving = this.#accept(frame, payloadBytes);
    const body = serving && this.#bodyOf(serving, frame);
    return body && placeIn(body, payloadBytes);
  }

  onFilled({ id }: Frame, payloadBytes: number): void {
    const serving = this.#servings.get(id);
    if (!serving?.body) return;
    serving.body.received += payloadBytes;
    this.#advanced(serving, serving.body);
  }

  /** @throws ProtocolFault */
  onCancel(id: number): void {
    if (++this.#cancelsSeen > this.#callsSeen) throw new ProtocolFault('it cancels more calls than it makes');
    const serving = this.#servings.get(id);
    if (!serving) {
      this.#checkSeen(id);
      return;
    }
    serving.end(new P2posError('CANCELLED'));
    if (!serving.running) this.#release(serving);
  }

  /** The call that the frame belongs to; undefined: refused, or over. @throws ProtocolFault */
  #accept(frame: Frame, payloadBytes: number): Serving | undefined {
    const { kind, id, bodyBytes } = frame;
    const known = this.#servings.get(id);
    if (kind === CALL) {
      if (id === 0 || known) throw new ProtocolFault('it used the id of a call that is under way');
      if (bodyBytes > MAX_BODY_BYTES) throw new ProtocolFault(`it announced a body of ${bodyBytes} bytes`);
      if (payloadBytes > bodyBytes) throw new ProtocolFault('a frame is longer than its body');
      this.#callsSeen++;
      // Cost classes let calls overtake each other: remember the greatest, in a circle of 2^32.
      if ((id - this.#lastIdSeen) >>> 0 < 0x8000_0000) this.#lastIdSeen = id;
      return this.#judge(frame);
    }
    if (!known) this.#checkSeen(id);
    else if (!known.body && !known.over)
      throw new ProtocolFault('it sent a part of a call that was complete');
    return known?.over ? undefined : known;
  }

  /** Parts and cancels of calls that were refused or are over are no fault. @throws ProtocolFault */
  #checkSeen(id: number): void {
    if (id === 0 || (this.#lastIdSeen - id) >>> 0 >= 0x8000_0000) {
      throw new ProtocolFault('it went on with a call that it never made');
    }
  }

  #judge({ id, method, bodyBytes, timeoutMs: asked }: Frame): Serving | undefined {
    const { account, clock, deadlines, peerId, protocol, selfId } = this.#deps;
    if (!this.#deps.admit()) return this.#refuse(id, new P2posError('NOT_A_MEMBER', { peerId }));
    const served = this.#deps.methods()?.get(method);
    if (!served) {
      const name = `method ${method} of ${protocol}`;
      return this.#refuse(id, new P2posError('METHOD_UNKNOWN', { peerId: selfId, method: name }));
    }
    const maxBytes = maxBodyBytes(served.method);
    if (bodyBytes > maxBytes) return this.#refuse(id, new P2posError('BODY_TOO_LARGE', { maxBytes }));
    if (account.callsIn >= this.#limits.maxCallsIn) return this.#refuse(id, this.#overloaded());
    const timeoutMs = Math.min(asked, this.#limits.maxDeadlineMs);
    const deadlineAt = clock.monotonic() + timeoutMs;
    const onExpired = (expired: Serving) => this.#release(expired);
    const serving = new Serving({ deadlines, peerId, id, served, timeoutMs, deadlineAt, onExpired });
    account.callsIn++;
    this.#servings.set(id, serving);
    return serving;
  }

  /** The body so far. Undefined: there is no memory for it, and the call is refused. */
  #bodyOf(serving: Serving, { bodyBytes }: Frame): Assembly | undefined {
    if (serving.body) return serving.body;
    serving.body = this.#deps.assembler.begin(bodyBytes);
    if (serving.body) {
      serving.watch();
    } else {
      this.#release(serving);
      this.#refuse(serving.id, this.#overloaded());
    }
    return serving.body;
  }

  #advanced(serving: Serving, { bytes, received }: Assembly): void {
    if (received < bytes.length) return;
    this.#dropBody(serving);
    this.#run(serving, bytes, { shares: true });
  }

  #run(serving: Serving, body: Uint8Array, of: { readonly shares: boolean }): void {
    const { served } = serving;
    const checked = served.method.input.safeParse(decodeBody(body, served.method, of));
    if (!checked.success) {
      this.#release(serving);
      const reason = `The input of ${served.name} does not fit the schema: ${firstIssue(checked.error)}.`;
      this.#refuse(serving.id, new P2posError('BAD_REQUEST', { reason }));
      return;
    }
    serving.running = true;
    let result: Promise<unknown>;
    try {
      result = served.handler(checked.data, serving);
    } catch (error) {
      result = Promise.reject(error);
    }
    result.then(
      (output) => this.#finish(serving, output),
      (error) => this.#fail(serving, error),
    );
  }

  #finish(serving: Serving, output: unknown): void {
    if (!this.#release(serving)) return;
    const { method } = serving.served;
    let body: Uint8Array;
    try {
      body = encodeBody(output);
    } catch (error) {
      this.#refuse(serving.id, this.#internal(serving, error));
      return;
    }
    const maxBytes = maxBodyBytes(method);
    if (body.length > maxBytes) this.#refuse(serving.id, new P2posError('BODY_TOO_LARGE', { maxBytes }));
    else if (this.#deps.account.queuedBytes + body.length > this.#limits.maxQueuedBytes) {
      this.#refuse(serving.id, this.#overloaded());
    } else {
      this.#deps.outbox.add(createMessage(ANSWER, serving.id, method.cost, body));
    }
  }

  #fail(serving: Serving, error: unknown): void {
    if (!this.#release(serving)) return;
    this.#refuse(serving.id, isP2posError(error) ? error : this.#internal(serving, error));
  }

  #internal(serving: Serving, error: unknown): P2posError {
    const requestId = this.#deps.newRequestId();
    const { name: method } = serving.served;
    this.#deps.log.error({ action: 'serve_call', method, requestId, error }, 'a handler failed');
    return new P2posError('INTERNAL', { requestId });
  }

  #overloaded(): P2posError {
    return new P2posError('OVERLOADED', { what: `Node ${this.#deps.selfId}` });
  }

  #refuse(id: number, error: P2posError): undefined {
    const { account, outbox, onFault, onOverload } = this.#deps;
    if (error.code === 'OVERLOADED') onOverload();
    if (account.queuedBytes > this.#limits.maxQueuedBytes + REFUSAL_BYTES) {
      onFault(new ProtocolFault('it calls without reading the answers'));
    } else {
      outbox.add(createMessage(ERROR, id, 'interactive', encodeError(error)));
    }
  }

  #dropBody(serving: Serving): void {
    if (serving.body) this.#deps.assembler.end(serving.body);
    serving.body = undefined;
  }

  /** Ends the bookkeeping of a call, once; true if the peer still waits for its answer. */
  #release(serving: Serving): boolean {
    const wanted = !serving.over && !this.#ended;
    if (!this.#servings.delete(serving.id)) return false;
    this.#dropBody(serving);
    serving.finish();
    this.#deps.account.callsIn--;
    if (this.#ended) this.#deps.onLateEnd();
    return wanted;
  }
}
