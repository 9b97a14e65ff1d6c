/** `p2pctl release` and `p2pctl update`: signed releases, and how they go over a system. */
import type { Program } from '../action.ts';

export function defineUpdate({ root, run }: Program): void {
  const release = root.command('release').description('Signed releases of the software.');
  release
    .command('sign')
    .description('Ask the release keys to sign a manifest, or sign it at once with --key.')
    .option('--release <version>', 'such as 1.2.3')
    .option('--channel <name>', 'default: stable')
    .option('--min-from <version>', 'the least version that can be updated to it (default: itself)')
    .option('--expires <duration>', 'such as 90d (default: 90d)')
    .option('--artefact <file...>', 'any=FILE or linux-x64=FILE: a .tar.gz of the release')
    .option('--url <url...>', 'where it may be had, optionally linux-x64=URL')
    .option('--transcript <file>', 'the transcript of the system (default: transcript.jsonl)')
    .option('--out <file>', 'where the request, or with --key the manifest, is written')
    .option('--key <file...>', 'sign at once with these release keys')
    .option(
      '--passphrase-file <file>',
      'passphrases, one a line in the order of the keys; default: the keyboard',
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl release sign --release 1.2.0 --min-from 1.1.0 --artefact any=p2pos-1.2.0.tar.gz',
    )
    .action(run(async () => (await import('../release/release.ts')).createRelease));
  release
    .command('verify')
    .description('Whether a manifest is signed by enough release keys, and files are those that it names.')
    .argument('<manifest>')
    .option('--transcript <file>', 'the transcript of the system (default: transcript.jsonl)')
    .option('--system-id <id>', 'the system that the transcript must be of')
    .option('--artefact <file...>')
    .addHelpText('after', '\nExample:\n  $ p2pctl release verify release.cbor --artefact p2pos-1.2.0.tar.gz')
    .action(run(async () => (await import('../release/release.ts')).verifyRelease));
  const update = root.command('update').description('Which release runs, and how an update goes on.');
  update
    .command('status')
    .description('What runs here and on the other members, and what is waited for.')
    .addHelpText('after', '\nExample:\n  $ p2pctl update status')
    .action(run(async () => (await import('../update/update.ts')).showUpdate));
  update
    .command('check')
    .description('Judge a release without installing it.')
    .argument('<manifest>', 'a file or an http(s) address, such as that of a channel')
    .addHelpText('after', '\nExample:\n  $ p2pctl update check https://releases.example/stable.cbor')
    .action(run(async () => (await import('../update/update.ts')).checkUpdate));
  update
    .command('apply')
    .description('Let a signed release go over the system, one node at a time.')
    .argument('<manifest>', 'a file or an http(s) address')
    .option('--artefact <file>', 'what it installs; members take it from this node')
    .addHelpText('after', '\nExample:\n  $ p2pctl update apply release.cbor --artefact p2pos-1.2.0.tar.gz')
    .action(run(async () => (await import('../update/update.ts')).applyUpdate));
  update
    .command('pause')
    .description('Let no further node update. Apply the release again to go on.')
    .addHelpText('after', '\nExample:\n  $ p2pctl update pause')
    .action(run(async () => (await import('../update/update.ts')).pauseUpdate));
  update
    .command('finalize')
    .description('End the update for good: nothing older is installed or started again.')
    .addHelpText('after', '\nExample:\n  $ p2pctl update finalize')
    .action(run(async () => (await import('../update/update.ts')).finalizeUpdate));
}
