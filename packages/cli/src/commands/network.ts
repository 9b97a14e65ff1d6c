/** `p2pctl status|peers|health|open`: what one node says of itself and of the others. */
import type { Program } from '../action.ts';

export function defineNetwork({ root, run }: Program): void {
  root
    .command('status')
    .description('The state of a node, and how many members it sees.')
    .addHelpText('after', '\nExample:\n  $ p2pctl status --node 3')
    .action(run(async () => (await import('../network/status.ts')).showStatus));
  root
    .command('peers')
    .description('All members and connected peers as a node sees them.')
    .addHelpText('after', '\nExample:\n  $ p2pctl peers --json')
    .action(run(async () => (await import('../network/peers.ts')).showPeers));
  root
    .command('health')
    .description('The checks of a node; exit code 1 unless all are ok.')
    .addHelpText('after', '\nExample:\n  $ p2pctl health --url http://127.0.0.1:4180')
    .action(run(async () => (await import('../network/health.ts')).showHealth));
  root
    .command('open')
    .description("Print a link that opens the node's page once, within 60 s.")
    .addHelpText('after', '\nExample:\n  $ p2pctl open')
    .action(run(async () => (await import('../network/open.ts')).printLink));
}
