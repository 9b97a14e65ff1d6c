/** One channel to a peer for one capability: calls of ours go out on it, calls of the peer come in on it. */

import type { Clock } from '../../clock.ts';
import { isP2posError, P2posError } from '../../errors/errors.ts';
import type { Channel, RpcLog } from '../ports.ts';
import { createAssembler } from '../wire/assembly.ts';
import {
  CALL,
  CALL_PART,
  CANCEL,
  type Frame,
  FrameReader,
  type FrameSink,
  ProtocolFault,
} from '../wire/frame.ts';
import type { Account, RpcLimits } from './account.ts';
import type { Deadlines } from './deadlines.ts';
import { Incoming } from './incoming.ts';
import { Outbox } from './outbox.ts';
import { Outgoing } from './outgoing.ts';
import type { PendingCall } from './pending-call.ts';
import type { ServedMethod } from './serving.ts';

export interface SessionDeps {
  readonly channel: Channel;
  /** This node. */
  readonly selfId: string;
  readonly clock: Clock;
  readonly log: RpcLog;
  readonly deadlines: Deadlines;
  readonly account: Account;
  /** Bytes of incomplete bodies from all peers. */
  readonly inAll: { receivingBytes: number };
  readonly methods: () => ReadonlyMap<number, ServedMethod> | undefined;
  readonly admit: () => boolean;
  readonly newRequestId: () => string;
  /** A call of the peer was answered OVERLOADED. */
  readonly onOverload: () => void;
  /** `fault`: the peer broke the protocol. */
  readonly onEnd: (fault: boolean) => void;
  /** The last of a call is gone, after the end. */
  readonly onLateEnd: () => void;
}

export class Session implements FrameSink {
  readonly #deps: SessionDeps;
  readonly #outbox: Outbox;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  #ended = false;

  constructor(deps: SessionDeps, limits: RpcLimits) {
    this.#deps = deps;
    const { channel, clock, account, inAll } = deps;
    const { peerId, protocol } = channel;
    const assembler = createAssembler({ account, inAll }, limits);
    const onStall = () => this.end(this.#unreachable('it takes no bytes'), { abort: true });
    const outbox = new Outbox({ channel, clock, account, onStall }, limits);
    const onFault = (fault: ProtocolFault) => this.#onFault(fault);
    this.#outbox = outbox;
    this.#outgoing = new Outgoing({ peerId, outbox, assembler });
    this.#incoming = new Incoming({ ...deps, peerId, protocol, outbox, assembler, onFault }, limits);
    const reader = new FrameReader(this);
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

  send(call: PendingCall): void {
    this.#outgoing.send(call);
  }

  /** Everything under way ends at once: our calls reject with `error`, handlers of the peer's calls are told to stop. */
  end(error: P2posError, { abort = false, fault = false } = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!abort) this.#outbox.flush();
    this.#outbox.close();
    this.#outgoing.end(error);
    this.#incoming.end(this.#unreachable('it is gone'));
    if (abort) this.#deps.channel.abort(error);
    else this.#deps.channel.close();
    this.#deps.onEnd(fault);
  }

  onFrame(frame: Frame): void {
    if (this.#ended) return;
    if (frame.kind === CANCEL) this.#incoming.onCancel(frame.id);
    else this.#sideOf(frame).onFrame(frame);
  }

  onLongFrame(frame: Frame, payloadBytes: number): Uint8Array | undefined {
    if (this.#ended) return undefined;
    if (frame.kind === CANCEL) throw new ProtocolFault('it sent a cancel with a body');
    return this.#sideOf(frame).onLongFrame(frame, payloadBytes);
  }

  onFilled(frame: Frame, payloadBytes: number): void {
    if (!this.#ended) this.#sideOf(frame).onFilled(frame, payloadBytes);
  }

  #sideOf({ kind }: Frame): Incoming | Outgoing {
    return kind === CALL || kind === CALL_PART ? this.#incoming : this.#outgoing;
  }

  #onFault(error: unknown): void {
    if (this.#ended) return;
    const { channel, log } = this.#deps;
    const { peerId, protocol } = channel;
    const fault = error instanceof ProtocolFault || isP2posError(error);
    const reason = error instanceof Error ? error.message : String(error);
    const fields = { action: 'serve_channel', peerId, protocol };
    if (fault) log.warn({ ...fields, result: 'peer_protocol', reason }, 'a peer broke the protocol');
    else log.error({ ...fields, error }, 'reading from a channel failed');
    this.end(new P2posError('PEER_PROTOCOL', { peerId, reason }), { abort: true, fault });
  }

  #unreachable(reason: string): P2posError {
    return new P2posError('PEER_UNREACHABLE', { peerId: this.#deps.channel.peerId, reason });
  }
}
