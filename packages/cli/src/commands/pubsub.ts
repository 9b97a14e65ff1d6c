/** `p2pctl pubsub`: messages under topics. */
import { Option } from 'commander';
import type { Program } from '../program.ts';

export function definePubsub({ root, run }: Program): void {
  const pubsub = root.command('pubsub').description('Pub/sub: messages to every live subscriber.');
  pubsub
    .command('publish')
    .description('Publish DATA, or standard input; says how many nodes and clients have it.')
    .argument('<topic>', 'tokens joined by dots')
    .argument('[data]', 'the message as text; - or nothing: standard input')
    .addOption(
      new Option('--ack <level>', 'wait until so many have it')
        .choices(['none', 'one', 'all'])
        .default('one'),
    )
    .addHelpText('after', '\nExample:\n  $ p2pctl pubsub publish orders.new "42 apples" --ack all')
    .action(run(async () => (await import('../pubsub/publish.ts')).publishMessage));
  pubsub
    .command('subscribe')
    .description('Print messages as they come; * is one token, > the rest.')
    .argument('<topic>')
    .option('--for <duration>', 'end after so long, such as 10s')
    .addOption(
      new Option('--slow <policy>', 'when messages come faster than they are printed').choices([
        'buffer',
        'latest',
        'disconnect',
      ]),
    )
    .addHelpText('after', '\nExample:\n  $ p2pctl pubsub subscribe "orders.>" --for 1m')
    .action(run(async () => (await import('../pubsub/subscribe.ts')).subscribeTopic));
  pubsub
    .command('topics')
    .description('What is subscribed to, and by how many nodes.')
    .action(run(async () => (await import('../pubsub/presence.ts')).listTopics));
  pubsub
    .command('presence')
    .description('Who is subscribed to a topic.')
    .argument('<topic>')
    .action(run(async () => (await import('../pubsub/presence.ts')).showPresence));
}
