/** `p2pctl config` and `p2pctl up`: the node's own executable, run in its home. */
import type { Program } from '../program.ts';

export function defineConfig({ root, run }: Program): void {
  const config = root.command('config').description("A node's settings.");
  config
    .command('show')
    .description('Every setting in force and where it comes from.')
    .addHelpText('after', '\nExample:\n  $ p2pctl config show --home ~/.p2pos')
    .action(run(async () => (await import('../config/config.ts')).showConfig));
  config
    .command('check')
    .description('Whether node.toml and the environment are valid.')
    .addHelpText('after', '\nExample:\n  $ p2pctl config check --home ~/.p2pos')
    .action(run(async () => (await import('../config/config.ts')).checkConfig));
  root
    .command('up')
    .description('Run one node here, until Ctrl-C.')
    .addHelpText('after', '\nExample:\n  $ p2pctl up --home ~/.p2pos')
    .action(run(async () => (await import('../config/up.ts')).runNode));
}
