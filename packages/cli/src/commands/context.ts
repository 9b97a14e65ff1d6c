/** `p2pctl context`: named nodes, one of them chosen. */
import type { Program } from '../action.ts';

export function defineContext({ root, run }: Program): void {
  const list = async () => (await import('../context/context.ts')).listContexts;
  const context = root
    .command('context')
    .description('Names for the nodes that you work with; one of them is chosen.')
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl context add work --url https://p2p.example:4180 --token-file ~/work.token',
    )
    .action(run(list));
  context
    .command('list')
    .description('The contexts.')
    .addHelpText('after', '\nExample:\n  $ p2pctl context list')
    .action(run(list));
  context
    .command('add')
    .description('Name the node that --url or --home says, and choose it.')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  $ p2pctl context add lab --home /srv/lab --node 2')
    .action(run(async () => (await import('../context/context.ts')).addContext));
  context
    .command('use')
    .description('Choose a context; without a name: none.')
    .argument('[name]')
    .addHelpText('after', '\nExample:\n  $ p2pctl context use work')
    .action(run(async () => (await import('../context/context.ts')).chooseContext));
  context
    .command('remove')
    .description('Forget a context.')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  $ p2pctl context remove work')
    .action(run(async () => (await import('../context/context.ts')).removeContext));
}
