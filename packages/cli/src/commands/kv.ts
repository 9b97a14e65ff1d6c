/** `p2pctl kv`: bytes under keys. */
import { Option } from 'commander';
import type { Program } from '../action.ts';

const cas = () => new Option('--cas', 'of the keys that change only by agreement');
const ifVersion = () => new Option('--if-version <version>', 'with --cas: only if this version is there');
const explain = () =>
  new Option('--explain', 'say which replicas were asked and how long they took (on stderr)');

export function defineKv({ root, run }: Program): void {
  const kv = root.command('kv').description('Key-value: bytes under keys, replicated.');
  kv.command('put')
    .description('Store a value: VALUE, a file, or standard input.')
    .argument('<key>', 'up to 512 bytes of UTF-8')
    .argument('[value]', 'the value as text; - or nothing: standard input')
    .option('--file <file>', 'take the value from a file; - is standard input')
    .option('--ttl <duration>', 'forget it after so long, such as 60s, 12h, 7d')
    .addOption(cas())
    .addOption(ifVersion())
    .option('--if-absent', 'with --cas: only if nothing is there')
    .option('--receipt <file>', 'write a receipt that the replicas signed to this file')
    .addOption(explain())
    .addHelpText('after', '\nExample:\n  $ p2pctl kv put greeting "good morning" --ttl 12h')
    .action(run(async () => (await import('../kv/put.ts')).putValue));
  kv.command('get')
    .description('Write the bytes under a key to standard output, as they are.')
    .argument('<key>')
    .addOption(
      new Option('--consistency <level>', 'how many replicas must agree').choices(['one', 'quorum', 'all']),
    )
    .addOption(cas())
    .addOption(explain())
    .addHelpText('after', '\nExample:\n  $ p2pctl kv get src/logo.png > logo.png')
    .action(run(async () => (await import('../kv/get.ts')).getValue));
  kv.command('delete')
    .alias('rm')
    .description('Remove what is under a key.')
    .argument('<key>')
    .addOption(cas())
    .addOption(ifVersion())
    .addOption(explain())
    .addHelpText('after', '\nExample:\n  $ p2pctl kv delete greeting')
    .action(run(async () => (await import('../kv/delete.ts')).deleteValue));
  kv.command('list')
    .alias('ls')
    .description('List keys in byte order.')
    .argument('[prefix]', 'only keys that begin with it; every character is literal')
    .option('--prefix <prefix>', 'the same as the argument')
    .option('--limit <n>', 'at most so many keys; without it all')
    .option('--cursor <cursor>', 'go on after an earlier page')
    .addOption(cas())
    .addHelpText('after', '\nExample:\n  $ p2pctl kv list src/ --limit 20')
    .action(run(async () => (await import('../kv/list.ts')).listKeys));
  kv.command('lock')
    .description('Run a command while holding a lock; P2POS_LOCK_TOKEN tells it the fencing token.')
    .argument('<key>', 'names the lock')
    .argument('<command...>', 'what to run, after --')
    .option('--ttl <duration>', 'how long it outlives a holder that is gone', '10s')
    .option('--wait <duration>', 'how long to wait for another holder; 0s: not at all', '1m')
    .addHelpText(
      'after',
      '\nIt exits as the command does. When the lock is lost the command gets SIGTERM, 5 s later SIGKILL, and the exit code is 1.\n\nExample:\n  $ p2pctl kv lock nightly -- ./report.sh',
    )
    .action(run(async () => (await import('../kv/lock.ts')).runLocked));
  kv.command('watch')
    .description('Show what is there, then each change as it is made, until Ctrl-C.')
    .argument('[prefix]', 'only keys that begin with it; every character is literal')
    .option('--from <token>', 'go on where an earlier watch ended; it said the token on stderr')
    .option('--for <duration>', 'end after so long, such as 10s')
    .addOption(cas())
    .addHelpText(
      'after',
      '\nWith --json each event is a line.\n\nExample:\n  $ p2pctl kv watch orders/ --for 1m',
    )
    .action(run(async () => (await import('../kv/watch.ts')).watchKeys));
  kv.command('import')
    .description(
      'Store the files of a folder; key = PREFIX + path. In a git clone: the files that git lists.',
    )
    .argument('<dir>')
    .argument('<prefix>', 'put before each path; include the slash if there should be one')
    .option('--all', 'all files but .git and node_modules, whatever git lists')
    .option('--ttl <duration>', 'forget them after so long')
    .addHelpText(
      'after',
      '\nFiles that are too large or cannot be read are listed, the rest is imported, and the exit code is 3.\n\nExample:\n  $ p2pctl kv import . clone/',
    )
    .action(run(async () => (await import('../kv/import.ts')).importFolder));
}
