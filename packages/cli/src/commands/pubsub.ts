/** `p2pctl pubsub`: messages under topics. */
import { Option } from 'commander';
import type { Program } from '../action.ts';

export function definePubsub({ root, run }: Program): void {
  const pubsub = root.command('pubsub').description('Pub/sub: messages to every live subscriber.');
  pubsub
    .command('publish')
    .description('Publish DATA, or standard input; says how many nodes and clients have it.')
    .argument('<topic>', 'tokens joined by dots')
    .argument('[data]', 'the message as text; - or nothing: standard input')
    .addOption(
      new Option('--ack <level>', 'wait until so many have it')
        .choices(['none', 'one', 'all', 'durable'])
        .default('one'),
    )
    .option('--receipt <file>', "write the receivers' signatures there; p2pctl receipt verify checks them")
    .addHelpText(
      'after',
      '\ndurable: kept on the disks of a majority under a sequence, heard by subscribers or not.\n\nExample:\n  $ p2pctl pubsub publish orders.new "42 apples" --ack all',
    )
    .action(run(async () => (await import('../pubsub/publish.ts')).publishMessage));
  pubsub
    .command('subscribe')
    .description('Print messages as they come; * is one token, > the rest.')
    .argument('<topic>')
    .option('--for <duration>', 'end after so long, such as 10s')
    .option('--from <where>', 'of a durable topic: start, end, a sequence, or a time in UTC')
    .option(
      '--group <name>',
      'of a durable topic: share its messages with the group; each is acknowledged once printed',
    )
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
    .command('replay')
    .description('Print what a durable topic holds, to its end.')
    .argument('<topic>')
    .option('--from <where>', 'start, a sequence, or a time in UTC', 'start')
    .option('--limit <count>', 'at most so many')
    .addHelpText('after', '\nExample:\n  $ p2pctl pubsub replay orders.new --from 2026-11-21T08:00:00Z')
    .action(run(async () => (await import('../pubsub/replay.ts')).replayTopic));
  pubsub
    .command('retention')
    .description('Show what a durable topic holds; with options, set how much is kept.')
    .argument('<topic>')
    .option('--age <duration>', 'such as 7d')
    .option('--messages <count>')
    .option('--bytes <count>')
    .addHelpText('after', '\nExample:\n  $ p2pctl pubsub retention orders.new --age 30d --messages 1000000')
    .action(run(async () => (await import('../pubsub/retention.ts')).showRetention));
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
