/** What a command is run with: the surroundings as values, so that tests can choose them. */
import type { Terminal } from './terminal.ts';

export interface Surroundings {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it was called. */
  readonly folder: string;
  /** The person's home. */
  readonly userHome: string;
  /** Aborts at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean | undefined;
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly home?: string | undefined;
  readonly node?: string | undefined;
  /** The app that the operator acts in. */
  readonly app?: string | undefined;
}

export interface Invocation extends Surroundings {
  readonly options: CommonOptions;
}

/** Exit codes: 0 done, 1 failed, 2 usage, 3 partly, 4 unreachable. */
export const EXIT = { done: 0, failed: 1, usage: 2, partly: 3, unreachable: 4 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
