/** `p2pctl members`: who belongs to the system, by signed snapshots. */
import type { Command } from 'commander';
import type { Program } from '../action.ts';

const withAdmin = (command: Command): Command =>
  command
    .option('--admin-key <file>', "the admin's key; in a dev folder it is found")
    .option('--admin-proof <file>', "the admin's proof; in a dev folder it is found")
    .option('--passphrase-file <file>', "the admin key's passphrase; default: the keyboard");

export function defineMembers({ root, run }: Program): void {
  const list = async () => (await import('../members/list.ts')).listMembers;
  const members = root
    .command('members')
    .description('Who belongs to the system.')
    .addHelpText('after', '\nExample:\n  $ p2pctl members list')
    .action(run(list));
  members
    .command('list')
    .description('The members of the snapshot in force.')
    .addHelpText('after', '\nExample:\n  $ p2pctl members list --json')
    .action(run(list));
  withAdmin(
    members
      .command('add')
      .description('Sign and push a snapshot that lists one more node.')
      .argument('<peer-id>')
      .option('--name <name>', 'its name: a–z 0–9 -')
      .option('--zone <zone>', 'where it is: region or region/site')
      .option('--capabilities <list>', 'what it may do for others, separated by commas')
      .option('--tier <n>', '0 root, 1 partner, 2 self-hosted, 3 client')
      .option('--address <multiaddr>', 'where it is reached'),
  )
    .addHelpText('after', '\nExample:\n  $ p2pctl members add 12D3KooW… --name berlin-1 --zone eu/berlin')
    .action(run(async () => (await import('../members/edit.ts')).addMember));
  withAdmin(
    members
      .command('drain')
      .description('Sign and push a snapshot in which a node is to leave: others take over what it holds.')
      .argument('<member...>', 'peer id or name')
      .option('--wait', 'until others hold all records that it holds')
      .option('--undo', 'it stays'),
  )
    .addHelpText('after', '\nExample:\n  $ p2pctl members drain node4 --wait && p2pctl members remove node4')
    .action(run(async () => (await import('../members/drain.ts')).drainMembers));
  withAdmin(
    members
      .command('remove')
      .description('Sign and push a snapshot that no longer lists a node, or several at once.')
      .argument('<member...>', 'peer id or name')
      .option('--force', 'even where a majority of the members or of the replicas of a slot goes with it'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl members remove node4\n  $ p2pctl members remove node3 node4 --force',
    )
    .action(run(async () => (await import('../members/edit.ts')).removeMember));
  members
    .command('accept-loss')
    .description(
      'On a node that cannot catch up since every replica lost its disk: take what is there for all there is.',
    )
    .addHelpText('after', '\nExample:\n  $ p2pctl members accept-loss --node 2')
    .action(run(async () => (await import('../members/loss.ts')).acceptLoss));
  withAdmin(
    members
      .command('renew')
      .description('Sign and push the same members again, so that the nodes see the proof that is used now.'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl members renew --admin-key admin.key --admin-proof renewed.cbor',
    )
    .action(run(async () => (await import('../members/edit.ts')).renewMembers));
  members
    .command('conflicts')
    .description('Branches beside the snapshot in force: who issued them, whom they removed or added.')
    .addHelpText('after', '\nExample:\n  $ p2pctl members conflicts --json')
    .action(run(async () => (await import('../members/conflicts.ts')).listConflicts));
  withAdmin(
    members
      .command('merge')
      .description('Sign and push a snapshot that has seen what the branches beside it removed.')
      .option('--readmit <member...>', 'peer id or name: removed there, and a member again')
      .option('--force', 'even where a majority of the members or of the replicas of a slot goes with it'),
  )
    .addHelpText('after', '\nExample:\n  $ p2pctl members merge\n  $ p2pctl members merge --readmit node3')
    .action(run(async () => (await import('../members/conflicts.ts')).mergeBranches));
  members
    .command('push')
    .description('Push a signed snapshot from a file.')
    .argument('<file>', '- is standard input')
    .addHelpText('after', '\nExample:\n  $ p2pctl members push snapshot.cbor')
    .action(run(async () => (await import('../members/push.ts')).pushFile));
  members
    .command('snapshot')
    .description('Write the snapshot in force to standard output, byte for byte.')
    .addHelpText('after', '\nExample:\n  $ p2pctl members snapshot > snapshot.cbor')
    .action(run(async () => (await import('../members/push.ts')).writeSnapshot));
}
