/** The calls that we make on one channel, and what the peer answers to them. */
import { P2posError } from '../../errors/errors.ts';
import { type Assembler, type Assembly, append, placeIn } from '../wire/assembly.ts';
import { DEFAULT_MAX_BODY_BYTES, decodeBody, firstIssue, maxBodyBytes } from '../wire/body.ts';
import { decodeError } from '../wire/error.ts';
import { ANSWER_PART, CALL, CANCEL, ERROR, type Frame, ProtocolFault } from '../wire/frame.ts';
import { createMessage, type Outbox } from './outbox.ts';
import type { Carrier, PendingCall } from './pending-call.ts';

export interface OutgoingDeps {
  readonly peerId: string;
  readonly outbox: Outbox;
  readonly assembler: Assembler;
}

const MAX_ID = 0xffff_ffff;
const NOTHING = new Uint8Array(0);

export class Outgoing implements Carrier {
  readonly #deps: OutgoingDeps;
  readonly #calls = new Map<number, PendingCall>();
  #lastId = 0;
  #idsUsedUp = false;
  #ended = false;

  constructor(deps: OutgoingDeps) {
    this.#deps = deps;
  }

  send(call: PendingCall): void {
    const { method, body, deadlineAt } = call;
    call.carrier = this;
    call.id = this.#newId();
    call.message = createMessage(CALL, call.id, method.cost, body, method.id, deadlineAt);
    this.#calls.set(call.id, call);
    this.#deps.outbox.add(call.message);
  }

  withdraw(call: PendingCall): void {
    this.#forget(call);
    const unsent = call.message && this.#deps.outbox.remove(call.message);
    if (!unsent && !this.#ended)
      this.#deps.outbox.add(createMessage(CANCEL, call.id, 'interactive', NOTHING));
  }

  end(error: P2posError): void {
    this.#ended = true;
    for (const call of [...this.#calls.values()]) {
      this.#forget(call);
      call.reject(error);
    }
  }

  /** A whole frame. @throws ProtocolFault; P2posError when the body is no CBOR */
  onFrame(frame: Frame): void {
    const { payload } = frame;
    const call = this.#accept(frame, payload.length);
    if (!call) return;
    if (!call.answer && payload.length === frame.bodyBytes) {
      this.#answered(call, frame.kind === ERROR, payload, { shares: false });
    } else {
      const answer = this.#answerOf(call, frame);
      if (!answer) return;
      append(answer, payload);
      this.#advanced(call, answer);
    }
  }

  onLongFrame(frame: Frame, payloadBytes: number): Uint8Array | undefined {
    const call = this.#accept(frame, payloadBytes);
    const answer = call && this.#answerOf(call, frame);
    return answer && placeIn(answer, payloadBytes);
  }

  onFilled({ id }: Frame, payloadBytes: number): void {
    const call = this.#calls.get(id);
    if (!call?.answer) return;
    call.answer.received += payloadBytes;
    this.#advanced(call, call.answer);
  }

  /** The call that the frame answers; undefined for one given up meanwhile. @throws ProtocolFault */
  #accept({ kind, id, bodyBytes }: Frame, payloadBytes: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (!call) {
      if (id === 0 || (id > this.#lastId && !this.#idsUsedUp)) {
        throw new ProtocolFault('it answered a call that was never made');
      }
      return undefined;
    }
    if (kind === ANSWER_PART) {
      if (!call.answer) throw new ProtocolFault('it sent a part of an answer that has no beginning');
      return call;
    }
    if (call.answer) throw new ProtocolFault('it answered a call twice');
    if (!call.message?.started) throw new ProtocolFault('it answered a call that it cannot have seen');
    const maxBytes = kind === ERROR ? DEFAULT_MAX_BODY_BYTES : maxBodyBytes(call.method);
    if (bodyBytes > maxBytes) {
      throw new ProtocolFault(`it answered with ${bodyBytes} bytes, the limit is ${maxBytes}`);
    }
    if (payloadBytes > bodyBytes) throw new ProtocolFault('a frame is longer than its body');
    return call;
  }

  /** The answer so far. Undefined: there is no memory for it, and the call is over. */
  #answerOf(call: PendingCall, { kind, bodyBytes }: Frame): Assembly | undefined {
    if (call.answer) return call.answer;
    call.answerIsError = kind === ERROR;
    call.answer = this.#deps.assembler.begin(bodyBytes);
    if (!call.answer) call.abandon(new P2posError('OVERLOADED', { what: 'This node' }));
    return call.answer;
  }

  #advanced(call: PendingCall, { bytes, received }: Assembly): void {
    if (received === bytes.length) this.#answered(call, call.answerIsError, bytes, { shares: true });
  }

  #answered(call: PendingCall, isError: boolean, body: Uint8Array, of: { readonly shares: boolean }): void {
    // What cannot be decoded ends the session, which rejects the call too.
    if (isError) {
      const error = decodeError(body);
      this.#forget(call);
      call.reject(error);
      return;
    }
    const value = decodeBody(body, call.method, of);
    this.#forget(call);
    const checked = call.method.output.safeParse(value);
    if (checked.success) {
      call.resolve(checked.data);
      return;
    }
    const reason = `its answer does not fit the schema (${firstIssue(checked.error)})`;
    call.reject(new P2posError('PEER_PROTOCOL', { peerId: this.#deps.peerId, reason }));
  }

  #forget(call: PendingCall): void {
    this.#calls.delete(call.id);
    if (call.answer) this.#deps.assembler.end(call.answer);
    call.answer = undefined;
  }

  #newId(): number {
    do {
      if (this.#lastId === MAX_ID) this.#idsUsedUp = true;
      this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    } while (this.#calls.has(this.#lastId));
    return this.#lastId;
  }
}
