/** How the words of the program and what they do meet: words are defined at once, what they do is loaded when it is called. */
import type { Command } from 'commander';
import type { Invocation } from './invocation.ts';

/** What a command does; the exit code is 0 unless it says another: one of `EXIT`, or that of a program that it ran. */
export type Action = (
  invocation: Invocation,
  args: readonly (string | undefined)[],
  options: Readonly<Record<string, unknown>>,
) => Promise<number | undefined>;

/** Makes a commander action from a function that is loaded when the command is called. */
type Run = (load: () => Promise<Action>) => (...values: unknown[]) => Promise<void>;

/** What the words of one area are added to. */
export interface Program {
  readonly root: Command;
  readonly run: Run;
}
