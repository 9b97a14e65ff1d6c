/** What peers may ask of each other: a capability is a value, its methods have schemas for both bodies. */
import type { z } from 'zod';
import type { PeerId } from './ports.ts';

/** Weights 8 : 2 : 1 when a channel is full, so repair never stops reads. */
export type CostClass = 'interactive' | 'bulk' | 'repair';

export interface Method {
  /** Names the method on the wire; never reused. */
  readonly id: number;
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  /** Default `interactive`. */
  readonly cost?: CostClass;
  /** Greatest encoded body either way. Default 1 MiB. */
  readonly maxBodyBytes?: number;
}

export interface Capability<M extends Record<string, Method> = Record<string, Method>> {
  readonly protocol: string;
  readonly methods: M;
}

export function defineCapability<const M extends Record<string, Method>>(
  protocol: string,
  methods: M,
): Capability<M> {
  return { protocol, methods };
}

export interface CallContext {
  readonly peerId: PeerId;
  /** Aborts when the caller cancels, its deadline passes or it is gone. */
  readonly signal: AbortSignal;
  /** How long the caller waits in all, as it said. */
  readonly timeoutMs: number;
}

export type Handlers<M extends Record<string, Method>> = {
  [K in keyof M]: (input: z.output<M[K]['input']>, context: CallContext) => Promise<z.input<M[K]['output']>>;
};

export interface CallOptions {
  /** Greatest wait for the answer; travels with the call. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `fault`: what no honest peer sends. `overload`: a call beyond what it may ask for. */
export type Misconduct = 'fault' | 'overload';

export interface Rpc extends AsyncDisposable {
  serve<M extends Record<string, Method>>(capability: Capability<M>, handlers: Handlers<M>): Disposable;
  /** Rejects with the P2posError that the peer answered, or TIMEOUT, PEER_UNREACHABLE, OVERLOADED, METHOD_UNKNOWN. */
  call<M extends Record<string, Method>, K extends keyof M & string>(
    peerId: PeerId,
    capability: Capability<M>,
    method: K,
    input: z.input<M[K]['input']>,
    options: CallOptions,
  ): Promise<z.output<M[K]['output']>>;
}
