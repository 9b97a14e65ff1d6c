/** One yamux stream. Its receive window grows while the reader keeps up, and is given back by halves. */
import type { Logger } from '@libp2p/interface';
import { AbstractStream, type SendResult } from '@libp2p/utils';
import {
  ACK,
  DATA,
  FIN,
  type Header,
  INITIAL_WINDOW_BYTES,
  MAX_PAYLOAD_BYTES,
  RST,
  SYN,
  WINDOW_UPDATE,
  YamuxFault,
} from './frame.ts';

/** A list of byte arrays as libp2p passes them about. */
export interface ByteList extends Iterable<Uint8Array> {
  readonly byteLength: number;
  sublist(start: number, end: number): ByteList;
  consume(bytes: number): void;
  prepend(bytes: Uint8Array): void;
}

export interface YamuxStreamInit {
  readonly streamId: number;
  readonly direction: 'inbound' | 'outbound';
  readonly log: Logger;
  readonly maxWindowBytes: number;
  /** Sends a frame; false: the connection is full until it drains. */
  readonly sendFrame: (header: Header, data?: ByteList) => boolean;
  /** Whether the connection takes more now. */
  readonly isFull: () => boolean;
}

export class YamuxStream extends AbstractStream {
  readonly streamId: number;
  readonly #init: YamuxStreamInit;
  /** Goes out with our first frame: SYN opens, ACK accepts. */
  #greeting: number;
  #sendWindow = INITIAL_WINDOW_BYTES;
  #window = INITIAL_WINDOW_BYTES;
  /** What the peer may still send before we grant more. */
  #granted = INITIAL_WINDOW_BYTES;
  /** Bytes of the frame at hand that have not arrived. */
  #expected = 0;

  constructor(init: YamuxStreamInit) {
    super({
      id: String(init.streamId),
      direction: init.direction,
      log: init.log,
      maxMessageSize: MAX_PAYLOAD_BYTES,
      // The window bounds what is unread; this only guards against a fault of ours.
      maxReadBufferLength: 2 * init.maxWindowBytes,
    });
    this.streamId = init.streamId;
    this.#init = init;
    this.#greeting = init.direction === 'outbound' ? SYN : ACK;
    if (init.isFull()) this.onMuxerNeedsDrain();
  }

  sendData(data: ByteList): SendResult {
    let sentBytes = 0;
    while (data.byteLength > 0) {
      if (this.#sendWindow === 0) return { sentBytes, canSendMore: false };
      const length = Math.min(this.#sendWindow, MAX_PAYLOAD_BYTES, data.byteLength);
      const payload = data.sublist(0, length);
      data.consume(length);
      this.#sendWindow -= length;
      sentBytes += length;
      if (!this.#send(DATA, 0, length, payload)) return { sentBytes, canSendMore: false };
    }
    return { sentBytes, canSendMore: true };
  }

  sendReset(): void {
    this.#send(WINDOW_UPDATE, RST, 0);
  }

  async sendCloseWrite(): Promise<void> {
    this.#send(WINDOW_UPDATE, FIN, 0);
  }

  /** Yamux cannot say this; what still arrives is dropped and granted again. */
  async sendCloseRead(): Promise<void> {}

  /** The window does it: what is unread is not granted again. */
  sendPause(): void {}

  sendResume(): void {
    this.#grant();
  }

  #send(type: number, flags: number, length: number, payload?: ByteList): boolean {
    const all = flags | this.#greeting;
    this.#greeting = 0;
    return this.#init.sendFrame({ type, flags: all, streamId: this.streamId, length }, payload);
  }

  /** The connection has room again. */
  override onMuxerDrain(): void {
    if (this.#sendWindow > 0) super.onMuxerDrain();
  }

  /** @throws YamuxFault */
  onWindowUpdate(bytes: number): void {
    this.#sendWindow += bytes;
    if (this.#sendWindow > 0xffff_ffff) throw new YamuxFault('it granted more than a window can hold');
    if (bytes > 0 && this.writableNeedsDrain && !this.#init.isFull()) this.safeDispatchEvent('drain');
  }

  /** A frame of `length` bytes begins. @throws YamuxFault */
  onFrame(length: number): void {
    if (length > this.#granted) throw new YamuxFault('it sent more than it was granted');
    this.#granted -= length;
    this.#expected = length;
  }

  onPayload(bytes: Uint8Array): void {
    this.#expected -= bytes.length;
    this.onData(bytes);
    this.#grant();
  }

  protected override dispatchReadBuffer(): void {
    super.dispatchReadBuffer();
    this.#grant();
  }

  /** Grants again what has been read, once it is half of the window; each time the window doubles up to its limit. */
  #grant(): void {
    if (this.remoteWriteStatus === 'closed' || this.status !== 'open') return;
    const taken = this.#granted + this.#expected + this.readBufferLength;
    if (this.#window - taken < this.#window / 2) return;
    this.#window = Math.min(2 * this.#window, this.#init.maxWindowBytes);
    const more = this.#window - taken;
    if (more <= 0) return;
    this.#granted += more;
    this.#send(WINDOW_UPDATE, 0, more);
  }
}
