/** `p2pctl completion`: words for the shell's Tab key. */
import { Argument } from 'commander';
import type { Program } from '../action.ts';

export function defineCompletion({ root, run }: Program): void {
  root
    .command('completion')
    .description('Print a script that completes p2pctl in your shell.')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', '\nExample:\n  $ source <(p2pctl completion bash)')
    .action(
      run(async () => {
        const { completionScript } = await import('../completion/scripts.ts');
        return async ({ terminal }, [shell]) => {
          terminal.print(completionScript(shell ?? '', root));
          return undefined;
        };
      }),
    );
}
