/** `p2pctl dev`: a system of real node processes on this machine. */
import type { Program } from '../action.ts';

export function defineDev({ root, run }: Program): void {
  const dev = root
    .command('dev')
    .description(
      'A system of several node processes on this machine, until Ctrl-C. Started again it has its data back.',
    )
    .argument('[order]', 'stop, start, add or reset: orders to the one that runs')
    .option('--nodes <n>', 'how many, at the first start (default: 5)')
    .option('--port <port>', 'HTTP of node i is on port + i (default: 4180, or as before)')
    .option('--fresh', 'delete the system in the folder and found a new one')
    .option('--no-restart', 'leave a node dead when it dies')
    .addHelpText(
      'after',
      '\nThe folder is --home, or .p2pos in the clone.\n\nExample:\n  $ p2pctl dev --nodes 3 --port 5180 --home /tmp/three',
    )
    .action(run(async () => (await import('../dev/commands.ts')).startDev));
  dev
    .command('stop')
    .description('Stop the system, or one node, which then stays stopped until it is started.')
    .argument('[node]', 'node2, or 2')
    .addHelpText('after', '\nExample:\n  $ p2pctl dev stop node2')
    .action(run(async () => (await import('../dev/commands.ts')).stopDev));
  dev
    .command('start')
    .description('Start a node that is stopped or dead; without a name all of them.')
    .argument('[node]')
    .addHelpText('after', '\nExample:\n  $ p2pctl dev start node2')
    .action(run(async () => (await import('../dev/commands.ts')).startNodes));
  dev
    .command('add')
    .description('Add a node: a new home, a new process, a new snapshot.')
    .addHelpText('after', '\nExample:\n  $ p2pctl dev add')
    .action(run(async () => (await import('../dev/commands.ts')).addNode));
  dev
    .command('reset')
    .description("Delete the system, or one node's data.")
    .argument('[node]')
    .option('--yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ p2pctl dev reset --yes')
    .action(run(async () => (await import('../dev/commands.ts')).resetDev));
}
