/** `p2pctl doctor`: looks for what is wrong and says what to do. */
import type { Program } from '../action.ts';

export function defineDoctor({ root, run }: Program): void {
  root
    .command('doctor')
    .description('Look for what is wrong, and say what to do about it. Exit code 1 when something is.')
    .option('--domain <name>', 'the domain whose _dnsaddr records name this system')
    .option('--dns-server <host>', 'the DNS server to ask')
    .addHelpText('after', '\nExample:\n  $ p2pctl doctor --node 2')
    .action(run(async () => (await import('../doctor/doctor.ts')).runDoctor));
}
