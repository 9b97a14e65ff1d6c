/** `p2pctl receipt`: what replicas signed, verified without asking anyone. */
import type { Program } from '../action.ts';

export function defineReceipt({ root, run }: Program): void {
  const receipt = root.command('receipt').description('Receipts: who holds what on disk, signed.');
  receipt
    .command('verify')
    .description("Verify a receipt offline, against the system's genesis and a snapshot of its members.")
    .argument(
      '<file>',
      'as `p2pctl kv put --receipt FILE` or HTTP with ?receipt=signed gave it; - is standard input',
    )
    .option('--value-file <file>', 'it must be a receipt for the bytes of this file')
    .option('--key <key>', 'it must be a receipt for this key')
    .option('--genesis <file>', "default: the one in the node's home")
    .option(
      '--snapshot <file>',
      "default: the founding one in the node's home; p2pctl members snapshot gives the newest",
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl kv put deed --file deed.pdf --receipt deed.json\n  $ p2pctl receipt verify deed.json --value-file deed.pdf',
    )
    .action(run(async () => (await import('../receipt/verify.ts')).verifyFile));
}
