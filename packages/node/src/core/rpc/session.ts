/** One channel to a peer for one capability: calls of ours go out on it, calls of the peer come in on it. */
import { decodeCbor, encodeCbor, isP2posError, P2posError } from '@p2pos/protocol';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Channel } from '../net/index.ts';
import type { Account, RpcLimits } from './account.ts';
import type { Deadlines } from './deadlines.ts';
import {
  ANSWER,
  ANSWER_PART,
  CALL,
  CALL_PART,
  CANCEL,
  ERROR,
  type Frame,
  FrameReader,
  ProtocolFault,
} from './frame.ts';
import type { CostClass } from './index.ts';
import { type Message, Outbox } from './outbox.ts';
import type { Carrier, PendingCall } from './pending-call.ts';
import { type ServedMethod, Serving } from './serving.ts';
import { decodeError, encodeError } from './wire-error.ts';

export interface SessionDeps {
  readonly channel: Channel;
  readonly clock: Clock;
  readonly log: Logger;
  readonly deadlines: Deadlines;
  readonly account: Account;
  /** Bytes of incomplete bodies from all peers. */
  readonly inAll: { receivingBytes: number };
  /** What the peer may call here; undefined: nothing is served under this protocol. */
  readonly methods: () => ReadonlyMap<number, ServedMethod> | undefined;
  readonly admit: () => boolean;
  readonly newRequestId: () => string;
  /** `fault`: the peer broke the protocol and has lost its connection with it. */
  readonly onEnd: (fault: boolean) => void;
  readonly onIdle: () => void;
}

export const DEFAULT_MAX_BODY_BYTES = 1_048_576;
/** No method can have a greater body; a call that announces one is no honest call. */
const MAX_BODY_BYTES = 64 * 1_048_576;
/** Answers that say "too much" may queue beyond the limit; a peer that reads none of them is given up. */
const REFUSAL_BYTES = 1_048_576;
const NOTHING = new Uint8Array(0);

export class Session implements Carrier {
  readonly channel: Channel;
  readonly #deps: SessionDeps;
  readonly #limits: RpcLimits;
  readonly #outbox: Outbox;
  readonly #pending = new Map<number, PendingCall>();
  readonly #servings = new Map<number, Serving>();
  #lastId = 0;
  #idsUsedUp = false;
  /** Greatest id of the peer's calls, and how many calls and cancels it has sent. */
  #lastIdSeen = 0;
  #callsSeen = 0;
  #cancelsSeen = 0;
  #ended = false;

  constructor(deps: SessionDeps, limits: RpcLimits) {
    this.channel = deps.channel;
    this.#deps = deps;
    this.#limits = limits;
    const { channel, clock, account } = deps;
    const onStall = () => this.end(this.#unreachable('it takes no bytes'), { abort: true });
    this.#outbox = new Outbox({ channel, clock, account, onStall }, { stallMs: limits.stallMs });
    const reader = new FrameReader((frame) => this.#onFrame(frame));
    channel.receive(
      (chunk) => {
        if (this.#ended) return;
        try {
          reader.push(chunk);
        } catch (error) {
          this.#onFault(error);
        }
      },
      (error) => {
        const known = isP2posError(error)
          ? error
          : this.#unreachable(error?.message ?? 'it closed the channel');
        this.end(known, { abort: true });
      },
    );
  }

  get ended(): boolean {
    return this.#ended;
  }

  // Calls of ours

  send(call: PendingCall): void {
    call.carrier = this;
    call.id = this.#newId();
    const { method, body, deadlineAt } = call;
    call.message = this.#enqueue(CALL, method.id, call.id, method.cost ?? 'interactive', body, deadlineAt);
    this.#pending.set(call.id, call);
  }

  withdraw(call: PendingCall): void {
    this.#forget(call);
    const unsent = call.message && this.#outbox.remove(call.message);
    if (!unsent && !this.#ended) this.#enqueue(CANCEL, 0, call.id, 'interactive', NOTHING);
  }

  #newId(): number {
    do {
      if (this.#lastId === 0xffff_ffff) this.#idsUsedUp = true;
      this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    } while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }

  #forget(call: PendingCall): void {
    this.#pending.delete(call.id);
    if (call.answer) this.#receiving(-call.answer.length);
    call.answer = undefined;
  }

  #onAnswer({ kind, id, bodyBytes, payload }: Frame) {
    const call = this.#pending.get(id);
    if (!call) return this.#checkIssued(id);
    if (call.answer) throw new ProtocolFault('it answered a call twice');
    if (!call.message?.started) throw new ProtocolFault('it answered a call that it cannot have seen');
    const maxBytes = kind === ERROR ? DEFAULT_MAX_BODY_BYTES : maxBodyBytes(call.method);
    if (bodyBytes > maxBytes)
      throw new ProtocolFault(`it answered ${bodyBytes} bytes, the limit is ${maxBytes}`);
    if (payload.length === bodyBytes) return this.#answered(call, kind === ERROR, payload);
    if (payload.length > bodyBytes) throw new ProtocolFault('a frame is longer than its body');
    if (!this.#reserve(bodyBytes)) {
      this.withdraw(call);
      return call.reject(new P2posError('OVERLOADED', { what: 'This node' }));
    }
    call.answer = Buffer.allocUnsafeSlow(bodyBytes);
    call.answerIsError = kind === ERROR;
    call.answer.set(payload);
    call.received = payload.length;
  }

  #onAnswerPart({ id, payload }: Frame) {
    const call = this.#pending.get(id);
    if (!call) return this.#checkIssued(id);
    if (!call.answer) throw new ProtocolFault('it sent a part of an answer that has no beginning');
    call.received = append(call.answer, call.received, payload);
    if (call.received === call.answer.length) this.#answered(call, call.answerIsError, call.answer);
  }

  #answered(call: PendingCall, isError: boolean, body: Uint8Array) {
    this.#forget(call);
    if (isError) return call.reject(decodeError(body));
    const value = body.length === 0 ? undefined : decodeCbor(body, { maxBytes: maxBodyBytes(call.method) });
    const checked = call.method.output.safeParse(value);
    if (checked.success) return call.resolve(checked.data);
    const reason = `its answer does not fit the schema (${firstIssue(checked.error)})`;
    call.reject(new P2posError('PEER_PROTOCOL', { peerId: this.channel.peerId, reason }));
  }

  /** A late answer, to a call given up meanwhile, is no fault; one to a call never made is. */
  #checkIssued(id: number): void {
    if (id === 0 || (id > this.#lastId && !this.#idsUsedUp)) {
      throw new ProtocolFault('it answered a call that was never made');
    }
  }

  // Calls of the peer

  #onCall(frame: Frame) {
    const { id, method, bodyBytes, payload } = frame;
    const { account, clock, methods, admit, deadlines } = this.#deps;
    if (id === 0 || this.#servings.has(id))
      throw new ProtocolFault('it used the id of a call that is under way');
    if (bodyBytes > MAX_BODY_BYTES) throw new ProtocolFault(`it announced a body of ${bodyBytes} bytes`);
    if (payload.length > bodyBytes) throw new ProtocolFault('a frame is longer than its body');
    this.#callsSeen++;
    if (id > this.#lastIdSeen || this.#lastIdSeen - id > 0x7fff_ffff) this.#lastIdSeen = id;

    const { peerId } = this.channel;
    if (!admit()) return this.#refuse(id, new P2posError('NOT_A_MEMBER', { peerId }));
    const served = methods()?.get(method);
    if (!served) {
      const name = `${this.channel.protocol} method ${method}`;
      return this.#refuse(id, new P2posError('METHOD_UNKNOWN', { peerId: 'that was called', method: name }));
    }
    const maxBytes = maxBodyBytes(served.method);
    if (bodyBytes > maxBytes) return this.#refuse(id, new P2posError('BODY_TOO_LARGE', { maxBytes }));
    const whole = payload.length === bodyBytes;
    if (account.callsIn >= this.#limits.maxCallsIn || !(whole || this.#reserve(bodyBytes))) {
      return this.#refuse(id, overloaded());
    }
    const timeoutMs = Math.min(frame.timeoutMs, this.#limits.maxDeadlineMs);
    const deadlineAt = clock.monotonic() + timeoutMs;
    const serving = new Serving(deadlines, { peerId, id, served, timeoutMs, deadlineAt });
    account.callsIn++;
    this.#servings.set(id, serving);
    if (whole) return this.#run(serving, payload);
    serving.body = Buffer.allocUnsafeSlow(bodyBytes);
    serving.body.set(payload);
    serving.received = payload.length;
    serving.onExpire = () => {
      if (!serving.running) this.#release(serving);
    };
    serving.watch();
  }

  #onCallPart({ id, payload }: Frame) {
    const serving = this.#servings.get(id);
    if (!serving) return this.#checkSeen(id);
    if (serving.over) return;
    if (!serving.body) throw new ProtocolFault('it sent a part of a call that was complete');
    serving.received = append(serving.body, serving.received, payload);
    if (serving.received < serving.body.length) return;
    const { body } = serving;
    this.#receiving(-body.length);
    serving.body = undefined;
    this.#run(serving, body);
  }

  #onCancel({ id }: Frame) {
    if (++this.#cancelsSeen > this.#callsSeen) throw new ProtocolFault('it cancels more calls than it makes');
    const serving = this.#servings.get(id);
    if (!serving) return this.#checkSeen(id);
    serving.end(new P2posError('CANCELLED'));
    if (!serving.running) this.#release(serving);
  }

  /** Parts and cancels of calls that were refused or are over are no fault. */
  #checkSeen(id: number): void {
    if (id === 0 || id > this.#lastIdSeen)
      throw new ProtocolFault('it went on with a call that it never made');
  }

  #run(serving: Serving, body: Uint8Array) {
    const { served } = serving;
    const maxBytes = maxBodyBytes(served.method);
    const value = body.length === 0 ? undefined : decodeCbor(body, { maxBytes });
    const checked = served.method.input.safeParse(value);
    if (!checked.success) {
      const reason = `The input of ${served.name} does not fit the schema: ${firstIssue(checked.error)}.`;
      this.#refuse(serving.id, new P2posError('BAD_REQUEST', { reason }));
      this.#release(serving);
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

  #finish(serving: Serving, output: unknown) {
    const wanted = this.#release(serving);
    if (!wanted) return;
    const { method, name } = serving.served;
    let body: Uint8Array;
    try {
      body = output === undefined ? NOTHING : encodeCbor(output);
    } catch (error) {
      return this.#refuse(serving.id, this.#internal(name, error));
    }
    const maxBytes = maxBodyBytes(method);
    if (body.length > maxBytes)
      return this.#refuse(serving.id, new P2posError('BODY_TOO_LARGE', { maxBytes }));
    if (this.#deps.account.queuedBytes + body.length > this.#limits.maxQueuedBytes) {
      return this.#refuse(serving.id, overloaded());
    }
    this.#enqueue(ANSWER, 0, serving.id, method.cost ?? 'interactive', body);
  }

  #fail(serving: Serving, error: unknown) {
    const wanted = this.#release(serving);
    if (!wanted) return;
    this.#refuse(serving.id, isP2posError(error) ? error : this.#internal(serving.served.name, error));
  }

  #internal(method: string, error: unknown): P2posError {
    const requestId = this.#deps.newRequestId();
    this.#deps.log.error({ action: 'serve_call', method, requestId, error }, 'a handler failed');
    return new P2posError('INTERNAL', { requestId });
  }

  /** Ends the bookkeeping of a call; true if the caller still waits for an answer. */
  #release(serving: Serving): boolean {
    const wanted = !serving.over && this.#servings.get(serving.id) === serving;
    if (this.#servings.get(serving.id) === serving) this.#servings.delete(serving.id);
    if (serving.body) this.#receiving(-serving.body.length);
    serving.body = undefined;
    serving.finish();
    this.#deps.account.callsIn--;
    if (this.#ended) this.#deps.onIdle();
    return wanted && !this.#ended;
  }

  #refuse(id: number, error: P2posError): void {
    if (this.#deps.account.queuedBytes > this.#limits.maxQueuedBytes + REFUSAL_BYTES) {
      this.#onFault(new ProtocolFault('it calls without reading the answers'));
      return;
    }
    this.#enqueue(ERROR, 0, id, 'interactive', encodeError(error));
  }

  // Both

  #onFrame(frame: Frame) {
    if (this.#ended) return;
    switch (frame.kind) {
      case CALL:
        return this.#onCall(frame);
      case ANSWER:
      case ERROR:
        return this.#onAnswer(frame);
      case CALL_PART:
        return this.#onCallPart(frame);
      case ANSWER_PART:
        return this.#onAnswerPart(frame);
      case CANCEL:
        return this.#onCancel(frame);
    }
  }

  #onFault(error: unknown): void {
    const { peerId, protocol } = this.channel;
    const isFault = error instanceof ProtocolFault || isP2posError(error);
    const reason = error instanceof Error ? error.message : String(error);
    if (isFault) {
      this.#deps.log.warn(
        { action: 'serve_channel', result: 'peer_protocol', peerId, protocol, reason },
        'peer broke the protocol',
      );
    } else {
      this.#deps.log.error(
        { action: 'serve_channel', peerId, protocol, error },
        'reading from a channel failed',
      );
    }
    this.end(new P2posError('PEER_PROTOCOL', { peerId, reason }), { abort: true, fault: isFault });
  }

  #enqueue(
    kind: number,
    method: number,
    id: number,
    cost: CostClass,
    body: Uint8Array,
    deadlineAt = 0,
  ): Message {
    const message: Message = { kind, method, id, cost, body, deadlineAt, sent: 0, started: false };
    this.#outbox.add(message);
    return message;
  }

  #reserve(bytes: number): boolean {
    const { account, inAll } = this.#deps;
    if (account.receivingBytes + bytes > this.#limits.maxReceivingBytes) return false;
    if (inAll.receivingBytes + bytes > this.#limits.maxReceivingBytesInAll) return false;
    this.#receiving(bytes);
    return true;
  }

  #receiving(bytes: number): void {
    this.#deps.account.receivingBytes += bytes;
    this.#deps.inAll.receivingBytes += bytes;
  }

  #unreachable(reason: string): P2posError {
    return new P2posError('PEER_UNREACHABLE', { peerId: this.channel.peerId, reason });
  }

  /** Everything under way ends at once: our calls reject with `error`, handlers of the peer's calls are told to stop. */
  end(error: P2posError, { abort = false, fault = false } = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!abort) this.#outbox.flush();
    this.#outbox.close();
    for (const call of [...this.#pending.values()]) {
      this.#forget(call);
      call.reject(error);
    }
    for (const serving of [...this.#servings.values()]) {
      serving.end(this.#unreachable('it is gone'));
      if (!serving.running) this.#release(serving);
    }
    if (abort) this.channel.abort(error);
    else this.channel.close();
    this.#deps.onEnd(fault);
  }
}

export function maxBodyBytes(method: { readonly maxBodyBytes?: number }): number {
  return method.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
}

function overloaded(): P2posError {
  return new P2posError('OVERLOADED', { what: 'The node that was called' });
}

function append(body: Uint8Array, at: number, part: Uint8Array): number {
  if (part.length === 0 || at + part.length > body.length)
    throw new ProtocolFault('the parts do not fit the body');
  body.set(part, at);
  return at + part.length;
}

function firstIssue(error: {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}): string {
  const issue = error.issues[0];
  if (!issue) return 'invalid';
  return `${issue.path.map(String).join('.') || 'the body'}: ${issue.message}`.slice(0, 300);
}
