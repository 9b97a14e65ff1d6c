/** Two nodes on a memory network, for the tests of rpc. */
import { z } from 'zod';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMemoryHub, type MemoryHubConfig } from '../../testing/memory-net.ts';
import { type LogFields, type Logger, silentLogger } from '../log/index.ts';
import { type CallContext, createRpc, defineCapability, type Handlers, type RpcConfig } from './index.ts';

const bytes = z.instanceof(Uint8Array);

export const echo = defineCapability('/p2pos/echo/1.0.0', {
  say: { id: 1, input: z.string(), output: z.string() },
  hang: { id: 2, input: z.string(), output: z.string() },
  blob: { id: 3, input: bytes, output: bytes, cost: 'bulk' },
  nothing: { id: 4, input: z.undefined(), output: z.undefined() },
  fail: { id: 5, input: z.string(), output: z.string() },
  small: { id: 6, input: z.string(), output: z.string(), maxBodyBytes: 100 },
});
export type Echo = Handlers<(typeof echo)['methods']>;

export const never = new AbortController().signal;

/** Rejects when the signal aborts, and not before. */
export function until(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

export interface PairConfig {
  readonly handlers?: Partial<Echo>;
  readonly a?: RpcConfig;
  readonly b?: RpcConfig;
  readonly hub?: MemoryHubConfig;
}

/** a calls, b serves {@link echo}; a is connected to b. */
export async function createPair({ handlers = {}, hub: hubConfig, ...config }: PairConfig = {}) {
  const clock = createManualClock();
  const hub = createMemoryHub({ clock }, hubConfig);
  const lines: LogFields[] = [];
  const keep = (fields: LogFields) => lines.push(fields);
  const log: Logger = { ...silentLogger, error: keep, warn: keep, child: () => log };
  const a = hub.join('a');
  const b = hub.join('b');
  await a.start();
  await b.start();
  await a.dial([hub.addressOf('b')], { signal: never });
  const callee = createRpc({ net: b, clock, log }, config.b);
  const caller = createRpc({ net: a, clock, log: silentLogger }, config.a);
  /** Of the calls of `hang`. */
  const contexts: CallContext[] = [];
  const all: Echo = {
    say: async (text) => text,
    hang: async (_, context) => {
      contexts.push(context);
      return until(context.signal);
    },
    blob: async (body) => body,
    nothing: async () => undefined,
    fail: async (text) => {
      throw new Error(text);
    },
    small: async (text) => text,
    ...handlers,
  };
  const serving = callee.serve(echo, all);
  return { clock, hub, a, b, caller, callee, serving, lines, contexts, all };
}
