/** `p2pctl invite|join|connect|disconnect`: how nodes find each other at first, and by hand. */
import type { Program } from '../action.ts';

export function defineJoin({ root, run }: Program): void {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  root
    .command('invite')
    .description('Print an invitation: what another machine needs to find this system.')
    .option(
      '--address <multiaddr>',
      'where members are reached; several times (default: the node knows)',
      collect,
    )
    .option('--qr', 'draw it as a QR code too')
    .option('--admin-key <file>', "sign with the admin's key instead of the node's")
    .addHelpText('after', '\nExample:\n  $ p2pctl invite --qr')
    .action(run(async () => (await import('../join/invite.ts')).printInvitation));
  root
    .command('join')
    .description('Make the home of a new node of the system that an invitation names.')
    .argument('<invitation>', 'p2pos://join/…, or - to read it from standard input')
    .option('--listen <multiaddr>', 'where other nodes reach it; several times', collect)
    .option('--http <host:port>', 'where programs and people reach it')
    .addHelpText('after', '\nExample:\n  $ p2pctl join p2pos://join/omRib2R5… --home ~/.p2pos')
    .action(run(async () => (await import('../join/join.ts')).joinSystem));
  root
    .command('connect')
    .description('Let a node dial an address at once.')
    .argument('<multiaddr>')
    .addHelpText('after', '\nExample:\n  $ p2pctl connect /ip4/192.0.2.1/tcp/4100')
    .action(run(async () => (await import('../join/connect.ts')).connectPeer));
  root
    .command('disconnect')
    .description("Close a node's connections to a peer and keep it away for a while.")
    .argument('<peer>', 'peer id, member name, or an address that ends in the id')
    .option('--for <duration>', 'how long it stays away (default: 1m)')
    .addHelpText('after', '\nExample:\n  $ p2pctl disconnect node2 --for 10s')
    .action(run(async () => (await import('../join/connect.ts')).disconnectPeer));
}
