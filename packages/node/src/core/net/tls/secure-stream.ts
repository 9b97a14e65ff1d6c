/** The plaintext side of a TLS connection as libp2p wants it. */
import type { TLSSocket } from 'node:tls';
import type { AbortOptions, MessageStream } from '@libp2p/interface';
import { AbstractMessageStream, type SendResult } from '@libp2p/utils';

/** A connection without any traffic for this long is closed, ms; liveness notices a dead peer much earlier. */
const INACTIVITY_TIMEOUT_MS = 120_000;

export class SecureStream extends AbstractMessageStream {
  readonly #socket: TLSSocket;
  readonly #carrier: MessageStream;
  #corked = false;

  /** @param isServer Where both ends dialled, this alone tells which of them is which; the muxer goes by it. */
  constructor(carrier: MessageStream, socket: TLSSocket, isServer: boolean) {
    super({
      log: carrier.log,
      inactivityTimeout: carrier.inactivityTimeout,
      maxReadBufferLength: carrier.maxReadBufferLength,
      direction: isServer ? 'inbound' : 'outbound',
    });
    this.#socket = socket;
    this.#carrier = carrier;
    socket.setTimeout(INACTIVITY_TIMEOUT_MS, () =>
      this.abort(new Error('the connection was silent for too long')),
    );
    socket.on('data', (bytes: Uint8Array) => this.onData(bytes));
    socket.on('drain', () => this.safeDispatchEvent('drain'));
    socket.on('error', (error) => carrier.abort(error));
    socket.on('end', () => socket.end());
    socket.on('close', () => void carrier.close().catch((error) => carrier.abort(error)));
    carrier.addEventListener('close', ({ error, local }) => {
      socket.destroy();
      if (!error) this.onTransportClosed();
      else if (local) this.abort(error);
      else this.onRemoteReset();
    });
    // Closed while the certificate was verified: the listeners above came too late.
    if (socket.destroyed || carrier.status !== 'open') queueMicrotask(() => this.onTransportClosed());
    else socket.resume();
  }

  /** What is sent in one turn of the event loop leaves in one write: fewer TLS records and system calls. */
  sendData(data: Iterable<Uint8Array>): SendResult {
    const socket = this.#socket;
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    let sentBytes = 0;
    let canSendMore = true;
    for (const bytes of data) {
      sentBytes += bytes.length;
      canSendMore = socket.write(bytes);
    }
    return { sentBytes, canSendMore };
  }

  async close(options?: AbortOptions): Promise<void> {
    if (!this.#socket.closed) {
      await new Promise<void>((resolve, reject) => {
        const stop = () => reject(options?.signal?.reason);
        options?.signal?.addEventListener('abort', stop, { once: true });
        this.#socket.once('close', () => {
          options?.signal?.removeEventListener('abort', stop);
          resolve();
        });
        this.#socket.destroySoon();
      });
    }
    await this.#carrier.close(options);
  }

  sendReset(error: Error): void {
    this.#socket.destroy();
    this.#carrier.abort(error);
  }

  sendPause(): void {
    this.#socket.pause();
  }

  sendResume(): void {
    this.#socket.resume();
  }
}
