/** `p2pctl rendezvous`: who is where. */
import type { Program } from '../action.ts';

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function defineRendezvous({ root, run }: Program): void {
  const rendezvous = root.command('rendezvous').description('Register names and find who is registered.');
  rendezvous
    .command('register')
    .description('Register NAME in NAMESPACE until its time is over; again renews it.')
    .argument('<namespace>', 'such as chat/lobby')
    .argument('<name>')
    .option('--address <address>', 'where it is reached; may be given up to 8 times', collect)
    .option('--data <text>', 'up to 256 bytes for who finds it')
    .option('--ttl <duration>', 'how long it counts, 10s to 24h', '1h')
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl rendezvous register chat/lobby anna --address 203.0.113.7:9000 --ttl 10m',
    )
    .action(run(async () => (await import('../rendezvous/registration.ts')).register));
  rendezvous
    .command('withdraw')
    .description('End a registration that was made through this node.')
    .argument('<namespace>')
    .argument('<name>')
    .addHelpText('after', '\nExample:\n  $ p2pctl rendezvous withdraw chat/lobby anna')
    .action(run(async () => (await import('../rendezvous/registration.ts')).withdraw));
  rendezvous
    .command('discover')
    .description('Who is registered in NAMESPACE, the newest first.')
    .argument('<namespace>')
    .option('--limit <n>', 'at most so many, up to 256')
    .addHelpText('after', '\nExample:\n  $ p2pctl rendezvous discover chat/lobby --json')
    .action(run(async () => (await import('../rendezvous/discovery.ts')).discover));
}
