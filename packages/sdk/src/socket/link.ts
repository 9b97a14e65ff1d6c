/**
 * One WebSocket to one node: calls and subscriptions by id, frames of one turn in one message, silence noticed. It opens
 * when it is first needed and is opened anew by the next call after it was lost.
 */
import {
  type ClientFrame,
  type ErrorDetails,
  encodeCbor,
  MAX_SOCKET_FRAMES,
  P2posError,
  SOCKET_CBOR,
  SOCKET_HEARTBEAT_MS,
  SOCKET_PATH,
} from '@p2pos/protocol';
import { RemoteError } from '../remote-error.ts';
import type { Timing } from '../timing.ts';
import { type Frame, readFrames } from './frames.ts';

/** A frame of the node that names what it belongs to. */
export type Event = Frame;

export interface Listener {
  onEvent(event: Event): void;
  /** The last word: what went wrong, or nothing. */
  onEnd(error?: P2posError): void;
}

export interface Link {
  /** Rejects with NODE_UNREACHABLE, its cause ECONNREFUSED, when nothing was sent. */
  open(signal: AbortSignal): Promise<void>;
  isOpen(): boolean;
  /** The answers and events that follow go to the listener until its end. @throws P2posError CBOR_UNENCODABLE, nothing sent */
  start(frame: (id: number) => ClientFrame, listener: Listener): { stop(): void };
  close(): void;
}

export interface LinkConfig {
  readonly url: string;
  readonly token: string | undefined;
  readonly app: string | undefined;
  /** With nothing under way for this long it is closed. */
  readonly idleMs: number;
}

export interface LinkDeps {
  readonly WebSocket: typeof globalThis.WebSocket;
  readonly timing: Timing;
}

const OPEN_TIMEOUT_MS = 10_000;
/** In one message; a message of the greatest value has room to spare. */
const FLUSH_BYTES = 256 * 1_024;

/** As late as answers of one message can still be followed by new calls in the same one. */
const soon: (run: () => void) => void =
  (globalThis as { readonly setImmediate?: (run: () => void) => void }).setImmediate ?? queueMicrotask;

export function createLink({ WebSocket, timing }: LinkDeps, config: LinkConfig): Link {
  const { url, token, app, idleMs } = config;
  const listeners = new Map<number, Listener>();
  let socket: WebSocket | undefined;
  let opening: Promise<void> | undefined;
  let queue: Uint8Array[] = [];
  let nextId = 1;
  let heardAt = 0;
  let usedAt = 0;
  let cancelBeat = () => {};

  function open(signal: AbortSignal): Promise<void> {
    if (isOpen()) return Promise.resolve();
    opening ??= connect().finally(() => {
      opening = undefined;
    });
    return new Promise((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener('abort', stop, { once: true });
      (opening as Promise<void>)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop));
    });
  }

  function connect(): Promise<void> {
    const one = new WebSocket(`${url.replace(/^http/, 'ws')}${SOCKET_PATH}`, [SOCKET_CBOR]);
    one.binaryType = 'arraybuffer';
    socket = one;
    return new Promise((resolve, reject) => {
      // A host that swallows what it is sent says nothing at all.
      const cancel = timing.after(OPEN_TIMEOUT_MS, () => one.close());
      one.onopen = () => {
        cancel();
        heardAt = usedAt = timing.now();
        beat();
        if (token !== undefined)
          one.send(encodeCbor([{ op: 'auth', token, app }]) as Uint8Array<ArrayBuffer>);
        resolve();
      };
      one.onmessage = ({ data }) => receive(one, data);
      one.onerror = () => reject(unreachable('no WebSocket could be opened', 'ECONNREFUSED'));
      one.onclose = ({ code, reason }) => {
        cancel();
        reject(unreachable('no WebSocket could be opened', 'ECONNREFUSED'));
        lose(one, `the socket was closed (${code}${reason ? ` ${reason}` : ''})`);
      };
    });
  }

  const isOpen = () => socket !== undefined && socket.readyState === 1;

  function receive(from: WebSocket, data: unknown): void {
    if (from !== socket) return;
    heardAt = timing.now();
    const frames = data instanceof ArrayBuffer ? readFrames(new Uint8Array(data)) : undefined;
    if (!frames) {
      lose(from, 'it sent what is no frame');
      return;
    }
    for (const frame of frames) {
      const listener = frame.id === undefined ? undefined : listeners.get(frame.id);
      if (frame.type === 'error') {
        if (frame.id === undefined) {
          lose(from, String(frame['code']), remoteError(frame));
          return;
        }
        listeners.delete(frame.id);
        listener?.onEnd(remoteError(frame));
      } else if (frame.type === 'end') {
        listeners.delete(frame.id as number);
        listener?.onEnd();
      } else {
        if (frame.type === 'result') listeners.delete(frame.id as number);
        listener?.onEvent(frame);
      }
    }
  }

  function lose(from: WebSocket, reason: string, told?: P2posError): void {
    if (from !== socket) return;
    socket = undefined;
    cancelBeat();
    queue = [];
    const lost = [...listeners.values()];
    listeners.clear();
    from.close();
    // Who was refused would be refused again; who lost the node may ask another.
    const refused = told !== undefined && (told.status < 500 || told.code === 'AUTH_STALE');
    for (const listener of lost) listener.onEnd(refused ? told : unreachable(reason));
  }

  function flush(): void {
    let batch: Uint8Array[] = [];
    let bytes = 0;
    const frames = queue;
    queue = [];
    const send = () => {
      if (batch.length > 0 && isOpen()) socket?.send(messageOf(batch, bytes));
      batch = [];
      bytes = 0;
    };
    for (const frame of frames) {
      if (bytes + frame.length > FLUSH_BYTES || batch.length === MAX_SOCKET_FRAMES) send();
      batch.push(frame);
      bytes += frame.length;
    }
    send();
  }

  /** Throws for what CBOR cannot carry, so that it is told to who asked for it. */
  function push(frame: ClientFrame): void {
    queue.push(encodeCbor(frame));
    if (queue.length === 1) soon(flush);
  }

  /** Says that we are here, and finds out whether the node is. */
  function beat(): void {
    const now = timing.now();
    const one = socket;
    if (!one) return;
    if (listeners.size > 0) usedAt = now;
    const reason =
      now - heardAt > 2 * SOCKET_HEARTBEAT_MS
        ? 'the node fell silent'
        : now - usedAt >= idleMs && 'it was idle';
    if (reason) {
      lose(one, reason);
      return;
    }
    push({ op: 'ping' });
    cancelBeat = timing.after(Math.min(SOCKET_HEARTBEAT_MS, idleMs), beat);
  }

  function unreachable(reason: string, code?: string): P2posError {
    const cause = new Error(reason, { cause: { code } });
    return new P2posError('NODE_UNREACHABLE', { url, reason }, { cause });
  }

  return {
    open,
    isOpen,
    start(frame, listener) {
      const id = nextId++;
      usedAt = timing.now();
      const first = frame(id);
      push(first);
      listeners.set(id, listener);
      return {
        stop() {
          if (!listeners.delete(id)) return;
          push({ op: first.op === 'subscribe' ? 'unsubscribe' : 'cancel', id });
        },
      };
    },
    close() {
      if (socket) lose(socket, 'the client was closed');
    },
  };
}

function remoteError(frame: Event): RemoteError {
  const { code, message, details, status, requestId } = frame as Event & Record<string, never>;
  return new RemoteError({
    code: String(code),
    message: String(message ?? ''),
    details: (details ?? {}) as ErrorDetails,
    status: Number(status),
    requestId: requestId === undefined ? undefined : String(requestId),
  });
}

/** A CBOR array (RFC 8949 §3.1, major type 4) of frames that are encoded. */
function messageOf(frames: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const { length } = frames;
  const head =
    length < 24 ? [0x80 | length] : length < 256 ? [0x98, length] : [0x99, length >> 8, length & 255];
  const message = new Uint8Array(head.length + bytes);
  message.set(head);
  let at = head.length;
  for (const frame of frames) {
    message.set(frame, at);
    at += frame.length;
  }
  return message;
}
