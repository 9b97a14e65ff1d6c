/**
 * Yamux over one connection, compatible with @libp2p/yamux on the wire. That one sends a window update for every frame
 * it receives and writes header and payload apart, and gathers a frame of any announced length before it looks at the
 * window. Here payload passes on as it arrives, and memory is bounded by the windows.
 */
import {
  type CreateStreamOptions,
  type MessageStream,
  MuxerClosedError,
  type StreamMuxer,
  type StreamMuxerFactory,
  serviceCapabilities,
  TooManyOutboundProtocolStreamsError,
} from '@libp2p/interface';
import { AbstractStreamMuxer } from '@libp2p/utils';
import {
  ACK,
  DATA,
  decodeHeader,
  encodeHeader,
  FIN,
  GO_AWAY,
  HEADER_BYTES,
  type Header,
  PING,
  RST,
  SYN,
  WINDOW_UPDATE,
  YamuxFault,
} from './frame.ts';
import { type ByteList, YamuxStream } from './stream.ts';

export interface YamuxConfig {
  /** Streams that the peer may have open. */
  readonly maxInboundStreams: number;
  readonly maxOutboundStreams: number;
  /** Unread bytes per stream, at most. */
  readonly maxWindowBytes: number;
}

const PROTOCOL = '/yamux/1.0.0';
const NORMAL = 0;
const PROTOCOL_ERROR = 1;
const INTERNAL_ERROR = 2;
/** Streams wait when the connection is full; answers to pings and the like pile up, to this many. */
const MAX_UNSENT_CONTROLS = 8_192;
const NOTHING = new Uint8Array(0);

export function yamux(config: YamuxConfig): () => StreamMuxerFactory {
  return () =>
    ({
      protocol: PROTOCOL,
      [serviceCapabilities]: ['@libp2p/stream-multiplexing'],
      createStreamMuxer: (connection: MessageStream): StreamMuxer => new YamuxMuxer(connection, config),
    }) as StreamMuxerFactory;
}

export class YamuxMuxer extends AbstractStreamMuxer<YamuxStream> {
  readonly #config: YamuxConfig;
  readonly #isClient: boolean;
  readonly #byId = new Map<number, YamuxStream>();
  #nextId: number;
  #inbound = 0;
  #full = false;
  /** Frames without data that were added while the connection was full. */
  #unsentControls = 0;
  #goingAway = false;
  /** A header that has not arrived whole. */
  #partial = NOTHING;
  /** Payload that is still to come of the data frame at hand. */
  #payloadLeft = 0;
  #payloadFlags = 0;
  #payloadFor: YamuxStream | undefined;

  constructor(connection: MessageStream, config: YamuxConfig) {
    super(connection, { protocol: PROTOCOL, name: 'yamux' });
    this.#config = config;
    this.#isClient = connection.direction === 'outbound';
    this.#nextId = this.#isClient ? 1 : 2;
    this.maConn.addEventListener('drain', () => {
      this.#full = false;
      this.#unsentControls = 0;
    });
  }

  // Sending

  #sendFrame(header: Header, data?: ByteList): boolean {
    if (this.maConn.status !== 'open') return false;
    if (this.#full && !data && ++this.#unsentControls > MAX_UNSENT_CONTROLS) {
      this.maConn.abort(new YamuxFault('it asks much and reads nothing'));
      return false;
    }
    const head = encodeHeader(header);
    let more: boolean;
    if (data) {
      data.prepend(head);
      more = this.send(data as Parameters<typeof this.send>[0]);
    } else {
      more = this.send(head);
    }
    this.#full = !more;
    return more;
  }

  onCreateStream(_options: CreateStreamOptions): YamuxStream {
    if (this.#goingAway) throw new MuxerClosedError('The connection is closing');
    if (this.#byId.size - this.#inbound >= this.#config.maxOutboundStreams) {
      throw new TooManyOutboundProtocolStreamsError('Too many streams on this connection');
    }
    const id = this.#nextId;
    this.#nextId += 2;
    return this.#createStream(id, 'outbound');
  }

  #createStream(streamId: number, direction: 'inbound' | 'outbound'): YamuxStream {
    const stream = new YamuxStream({
      streamId,
      direction,
      log: this.log,
      maxWindowBytes: this.#config.maxWindowBytes,
      sendFrame: (header, data) => this.#sendFrame(header, data),
      isFull: () => this.#full,
    });
    this.#byId.set(streamId, stream);
    if (direction === 'inbound') this.#inbound++;
    stream.addEventListener(
      'close',
      () => {
        if (this.#byId.delete(streamId) && direction === 'inbound') this.#inbound--;
      },
      { once: true },
    );
    return stream;
  }

  // Receiving

  /** @throws YamuxFault; the base class then closes the connection. */
  onData(data: Uint8Array | Iterable<Uint8Array>): void {
    if (data instanceof Uint8Array) this.#onChunk(data);
    else for (const chunk of data) this.#onChunk(chunk);
  }

  #onChunk(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const bytes = chunk.subarray(at, at + this.#payloadLeft);
        at += bytes.length;
        this.#payloadLeft -= bytes.length;
        this.#payloadFor?.onPayload(bytes);
        if (this.#payloadLeft === 0) this.#endPayload();
      } else if (this.#partial.length > 0 || chunk.length - at < HEADER_BYTES) {
        const missing = chunk.subarray(at, at + HEADER_BYTES - this.#partial.length);
        at += missing.length;
        const head: Uint8Array = Buffer.concat([this.#partial, missing]);
        this.#partial = head.length < HEADER_BYTES ? new Uint8Array(head) : NOTHING;
        if (head.length === HEADER_BYTES) this.#onHeader(decodeHeader(head, 0));
      } else {
        const header = decodeHeader(chunk, at);
        at += HEADER_BYTES;
        this.#onHeader(header);
      }
    }
  }

  #onHeader(header: Header): void {
    const { type, flags, streamId, length } = header;
    if (type === PING) {
      if (flags & SYN) this.#sendFrame({ type: PING, flags: ACK, streamId: 0, length });
      return;
    }
    if (type === GO_AWAY) {
      this.#goingAway = true;
      this.onTransportClosed(length === NORMAL ? undefined : new YamuxFault(`it went away, code ${length}`));
      // A connection that can carry no stream any more is of no use to anyone.
      this.maConn.close().catch((error) => this.maConn.abort(error));
      return;
    }
    if (flags & SYN) this.#onOpened(streamId);
    const stream = this.#byId.get(streamId);
    if (type === DATA && length > 0) {
      if (length > this.#config.maxWindowBytes)
        throw new YamuxFault(`it announced a frame of ${length} bytes`);
      stream?.onFrame(length);
      this.#payloadLeft = length;
      this.#payloadFor = stream;
      this.#payloadFlags = flags;
      return;
    }
    if (type === WINDOW_UPDATE) stream?.onWindowUpdate(length);
    if (stream) onEnding(stream, flags);
  }

  #endPayload(): void {
    const stream = this.#payloadFor;
    this.#payloadFor = undefined;
    if (stream) onEnding(stream, this.#payloadFlags);
  }

  #onOpened(streamId: number): void {
    if ((streamId % 2 === 1) === this.#isClient)
      throw new YamuxFault('it opened a stream with an id of ours');
    if (this.#byId.has(streamId)) throw new YamuxFault('it opened a stream twice');
    if (this.#goingAway || this.#inbound >= this.#config.maxInboundStreams) {
      this.#sendFrame({ type: WINDOW_UPDATE, flags: RST, streamId, length: 0 });
      return;
    }
    this.onRemoteStream(this.#createStream(streamId, 'inbound'));
  }

  // Ending

  override async close(options?: Parameters<AbstractStreamMuxer['close']>[0]): Promise<void> {
    if (this.status !== 'open') return;
    this.#goingAway = true;
    await super.close(options);
    this.#sendFrame({ type: GO_AWAY, flags: 0, streamId: 0, length: NORMAL });
  }

  override abort(error: Error): void {
    if (this.status === 'closed') return;
    this.#goingAway = true;
    super.abort(error);
    const reason = error instanceof YamuxFault ? PROTOCOL_ERROR : INTERNAL_ERROR;
    this.#sendFrame({ type: GO_AWAY, flags: 0, streamId: 0, length: reason });
  }
}

function onEnding(stream: YamuxStream, flags: number): void {
  if (flags & FIN) stream.onRemoteCloseWrite();
  if (flags & RST) stream.onRemoteReset();
}
