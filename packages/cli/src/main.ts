/** The process of `p2pctl`: arguments in, exit code out. */
import { homedir } from 'node:os';
import type { Surroundings } from './invocation.ts';
import { runProgram } from './program.ts';
import { createTerminal } from './terminal.ts';

export async function main(argv: readonly string[]): Promise<void> {
  let controller: AbortController | undefined;
  const surroundings: Surroundings = {
    terminal: createTerminal(),
    env: process.env,
    folder: process.cwd(),
    userHome: homedir(),
    // Whoever asks for the signal ends in order when it aborts; all others end as any program does. A second Ctrl-C is
    // no more than the first: under npm each arrives twice.
    get signal() {
      if (!controller) {
        const made = new AbortController();
        controller = made;
        for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => made.abort());
      }
      return controller.signal;
    },
  };
  process.exitCode = await runProgram(argv, surroundings);
}
