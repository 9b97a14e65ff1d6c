/** The way to whoever started this process with a channel (`p2pctl dev`): its orders as calls, and when it is gone. */
import { type ErrorCode, type ErrorDetails, isErrorCode, P2posError } from '@p2pos/protocol';
import type { Clock } from '../core/clock/index.ts';
import type { Supervisor } from '../gateway/index.ts';

/** The part of `process` that speaks to a parent. */
export interface ParentProcess {
  readonly connected?: boolean;
  send?(message: unknown, callback: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const ORDER_TIMEOUT_MS = 10_000;
const MAX_WAITING = 64;

export function createSupervisorChannel(parent: ParentProcess, clock: Pick<Clock, 'after'>): Supervisor {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;

  parent.on('message', (message) => {
    const reply = readReply(message);
    const asked = reply && waiting.get(reply.id);
    if (!asked) return;
    waiting.delete(reply.id);
    if (reply.error) asked.reject(reply.error);
    else asked.resolve(reply.ok);
  });
  parent.on('disconnect', () => {
    for (const { reject } of waiting.values()) reject(gone());
    waiting.clear();
  });

  async function order<T>(op: 'nodes' | 'kill' | 'start', name?: string): Promise<T> {
    if (!parent.connected) throw gone();
    if (waiting.size >= MAX_WAITING) throw new P2posError('OVERLOADED', { what: 'The supervisor' });
    const id = ++lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    using _ = clock.after(ORDER_TIMEOUT_MS, () =>
      reject(new P2posError('TIMEOUT', { what: 'The supervisor', timeoutMs: ORDER_TIMEOUT_MS })),
    );
    waiting.set(id, { resolve, reject });
    try {
      parent.send?.({ op, id, name }, (error) => error && reject(gone()));
      // The supervisor is the same release, and this process its child: what it says is believed.
      return (await promise) as T;
    } finally {
      waiting.delete(id);
    }
  }

  return {
    nodes: () => order('nodes'),
    kill: (name) => order('kill', name),
    start: (name) => order('start', name),
  };
}

function readReply(message: unknown): { id: number; ok?: unknown; error?: P2posError } | undefined {
  if (typeof message !== 'object' || message === null || !('id' in message)) return undefined;
  const { id, ok, error } = message as {
    id: unknown;
    ok?: unknown;
    error?: { code?: unknown; details?: unknown };
  };
  if (typeof id !== 'number') return undefined;
  if (!error) return { id, ok };
  const code: ErrorCode = isErrorCode(error.code) ? error.code : 'INTERNAL';
  return { id, error: new P2posError(code, (error.details ?? {}) as ErrorDetails) };
}

function gone(): P2posError {
  return new P2posError('BAD_REQUEST', {
    reason: 'The supervisor of this node is gone. Start the system again: p2pctl dev',
  });
}
