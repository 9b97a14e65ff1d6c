/** `p2pctl keys`, `proof` and `system`: the root of trust, by files that are passed around. */
import type { Command } from 'commander';
import type { Program } from '../action.ts';

const PASSPHRASE = [
  '--passphrase-file <file>',
  'passphrases, one a line in the order of the keys; default: the keyboard',
] as const;

const asking = (command: Command): Command =>
  command
    .option('--transcript <file>', 'the transcript of the system (default: transcript.jsonl)')
    .option('--out <file>', 'where the request, or with --key the document, is written')
    .option('--key <file...>', 'sign at once with these keys')
    .option(...PASSPHRASE);

export function defineKeys({ root, run }: Program): void {
  const keys = root
    .command('keys')
    .description('Keys of system, release and admin, and what they sign together.');
  keys
    .command('create')
    .description('Make one key, sealed by a passphrase, and its public half beside it.')
    .argument('<file>', 'such as alice.key; alice.pub is written too')
    .option('--role <role>', 'system, release or admin (default: system)')
    .option('--label <text>', 'whose it is, for people')
    .option(...PASSPHRASE)
    .addHelpText('after', '\nExample:\n  $ p2pctl keys create alice.key --label "Alice, Berlin"')
    .action(run(async () => (await import('../keys/create.ts')).createKey));
  keys
    .command('inspect')
    .description('Say what a file is: key, public key, request, share, transcript or document.')
    .argument('<file>')
    .option('--pin', 'of a transcript: print the pinned key list')
    .addHelpText('after', '\nExample:\n  $ p2pctl keys inspect rotation.request')
    .action(run(async () => (await import('../keys/inspection.ts')).inspectFile));
  keys
    .command('verify')
    .description('Verify a transcript: every signature and every step.')
    .argument('<file>')
    .option('--system-id <id>', 'the system that it must be of')
    .option('--pinned <file>', 'the pinned key list that it must agree with')
    .addHelpText('after', '\nExample:\n  $ p2pctl keys verify transcript.jsonl --pinned pinned-keys.txt')
    .action(run(async () => (await import('../keys/inspection.ts')).verifyFile));
  keys
    .command('sign')
    .description('Sign a request with one key. Needs no network.')
    .argument('<request>')
    .requiredOption('--key <file>', 'the sealed key')
    .option('--system-id <id>', 'the system that you sign for')
    .option('--pinned <file>', 'or its pinned key list')
    .option('--out <file>', 'where the share is written')
    .option('--qr', 'show the share as a QR code too')
    .option('--yes', 'do not ask')
    .option(...PASSPHRASE)
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl keys sign proof.request --key alice.key --pinned pinned-keys.txt',
    )
    .action(run(async () => (await import('../keys/signing.ts')).signFile));
  keys
    .command('combine')
    .description('Make the signed document of a request and enough shares.')
    .argument('<files...>', 'the request, then the shares')
    .option('--out <file>', 'where the document is written')
    .option('--transcript <file>', 'add it to this transcript')
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl keys combine proof.request a.share b.share c.share --transcript transcript.jsonl',
    )
    .action(run(async () => (await import('../keys/signing.ts')).combineFiles));
  defineProof({ root, run });
  defineSystem({ root, run });
}

function defineProof({ root, run }: Program): void {
  const proof = root
    .command('proof')
    .description("Admins' proofs: what the system keys let them do, and until when.");
  asking(
    proof
      .command('request')
      .description('Ask the system keys for an admin proof, or for the renewal of one.')
      .option('--admin <file>', "the admin's public key")
      .option('--renew <serial>', 'the same admin and scopes again')
      .option(
        '--scope <scope...>',
        'members:add, remove, capabilities or force, optionally @zone (default: all)',
      )
      .option('--days <n>', 'how long it is valid (default: 90)'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl proof request --admin bob.pub --scope members:add@eu --out bob.request',
    )
    .action(run(async () => (await import('../system/request.ts')).requestProof));
}

function defineSystem({ root, run }: Program): void {
  const system = root.command('system').description('The system itself: founding, keys, revocations.');
  system
    .command('create')
    .description('Found a system: keys, genesis, the first admin and the transcript, all in one folder.')
    .argument('[folder]', 'default: system')
    .option('--name <name>', 'for people')
    .option('--keys <n>', 'make so many system keys here (default: 1)')
    .option('--threshold <k>', 'how many of them must sign (default: a majority)')
    .option('--release-keys <n>', 'make so many release keys here (default: as many)')
    .option('--release-threshold <k>', 'how many of them must sign')
    .option('--public-keys <file...>', 'instead: system keys made elsewhere')
    .option('--release-public-keys <file...>', 'with it: release keys made elsewhere')
    .option(...PASSPHRASE)
    .addHelpText('after', '\nExample:\n  $ p2pctl system create acme --name Acme --keys 5 --threshold 3')
    .action(run(async () => (await import('../system/create.ts')).createSystem));
  asking(
    system
      .command('rotate')
      .description(
        'Ask the old and the new system keys to replace the keys. Let every holder of an old one sign.',
      )
      .option('--public-keys <file...>', 'the new keys')
      .option('--threshold <k>', 'how many of them must sign (default: a majority)')
      .option('--keep <serial...>', 'admin proofs of the transcript that stay valid')
      .option('--keep-all', 'all of them do')
      .option('--again <file>', 'instead: ask for more signatures on this rotation'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl system rotate --public-keys a.pub b.pub c.pub --keep-all --out rotation.request',
    )
    .action(run(async () => (await import('../system/request.ts')).requestRotation));
  asking(
    system
      .command('revoke')
      .description('Ask the system keys to take back admin proofs or nodes.')
      .option('--serial <serial...>', 'admin proofs')
      .option('--last-good <hash>', 'the last snapshot by them that stays good (default: none)')
      .option('--peer <id...>', 'nodes'),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl system revoke --serial 0f…9c --last-good 51… --out revocation.request',
    )
    .action(run(async () => (await import('../system/request.ts')).requestRevocation));
  system
    .command('push')
    .description('Hand a signed key rotation, revocation or snapshot to a node, which passes it on.')
    .argument('<file>')
    .option('--undo-revocations', 'of a rotation: what it does not keep shall go')
    .addHelpText('after', '\nExample:\n  $ p2pctl system push revocation.cbor')
    .action(run(async () => (await import('../system/push.ts')).pushDocument));
  system
    .command('show')
    .description('The root as a node holds it: keys, admin, conflicts.')
    .addHelpText('after', '\nExample:\n  $ p2pctl system show')
    .action(run(async () => (await import('../system/push.ts')).showRoot));
  system
    .command('audit')
    .description("A node's log of every document that it accepted or refused.")
    .option('--after <n>', 'entries after this number')
    .addHelpText('after', '\nExample:\n  $ p2pctl system audit --after 100')
    .action(run(async () => (await import('../system/push.ts')).showAudit));
}
