/** `p2pctl config` and `p2pctl up`: the node's own executable, run in its home. */
import type { Program } from '../action.ts';

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
  config
    .command('reload')
    .description(
      'Let a running node read node.toml again; says what is in force and what waits for a restart.',
    )
    .addHelpText('after', '\nExample:\n  $ p2pctl config reload --home ~/.p2pos')
    .action(run(async () => (await import('../config/config.ts')).reloadConfig));
  root
    .command('init')
    .description('Make the home of a node of a system, new or existing, and say what is left to do.')
    .option('--system <folder>', 'the folder that system create made')
    .option('--genesis <file>', "or the system's genesis")
    .option('--system-id <id>', 'or its id alone; the genesis then comes from its members')
    .option('--found', 'sign the first snapshot, which lists this node')
    .option('--name <name>', 'of the node: a–z 0–9 -')
    .option('--zone <zone>', 'where it is: region or region/site')
    .option('--listen <multiaddr...>', 'where other nodes reach it')
    .option('--announce <multiaddr...>', 'where it says that it is, behind a router')
    .option('--connect <multiaddr...>', 'some nodes of the system')
    .option('--http <host:port>', 'its door for programs and people')
    .option('--domain <name>', 'the domain that names the system in DNS')
    .option('--admin-key <file>', 'with --found (default: that in the folder)')
    .option('--admin-proof <file>', 'with --found (default: that in the folder)')
    .option('--passphrase-file <file>', "the admin key's passphrase; default: the keyboard")
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl init --system acme --found --domain acme.example --announce /ip4/203.0.113.7/tcp/4100',
    )
    .action(run(async () => (await import('../init/init.ts')).initNode));
  root
    .command('up')
    .description('Run one node here, until Ctrl-C.')
    .addHelpText('after', '\nExample:\n  $ p2pctl up --home ~/.p2pos')
    .action(run(async () => (await import('../config/up.ts')).runNode));
}
