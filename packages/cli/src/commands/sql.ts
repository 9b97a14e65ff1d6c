/** `p2pctl sql`: databases. */
import { Argument, type Command, Option } from 'commander';
import type { Program } from '../action.ts';

const consistency = () =>
  new Option('--consistency <level>', 'what a read must see').choices(['none', 'weak', 'linearizable']);
const VALUES =
  '\nEach --param is JSON where it is JSON (5, 1.5, null, "5", {"$int": "9007199254740993"}, {"$blob": "AAE="}), else text.';

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function defineSql({ root, run }: Program): void {
  const sql = root
    .command('sql')
    .description('SQL databases: on one node, or on voters that survive each other.');
  sql
    .command('create')
    .description('Make a database, unless one of that name is there.')
    .argument('<database>')
    .addOption(
      new Option('--engine <engine>', 'what keeps it').choices(['sqlite', 'rqlite']).default('sqlite'),
    )
    .option('--voters <n>', 'of rqlite: 3 or 5')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql create shop --engine rqlite --voters 3')
    .action(run(async () => (await import('../sql/databases.ts')).createDatabase));
  sql
    .command('drop')
    .alias('delete')
    .description('Delete a database and everything in it.')
    .argument('<database>')
    .option('--confirm <database>', 'its name once more; else it is asked for')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql drop shop --confirm shop')
    .action(run(async () => (await import('../sql/databases.ts')).dropDatabase));
  sql
    .command('list')
    .alias('ls')
    .description('List the databases.')
    .action(run(async () => (await import('../sql/databases.ts')).listDatabases));
  sql
    .command('status')
    .description('Who holds a database, and how each of them is.')
    .argument('<database>')
    .action(run(async () => (await import('../sql/databases.ts')).showStatus));
  sql
    .command('settings')
    .description(
      'Show or change how many voters and readers a database has, and the backups it makes by itself.',
    )
    .argument('<database>')
    .option('--voters <n>', 'of rqlite: 3 or 5')
    .option('--readers <n>', 'of rqlite: how many have everything and no vote, 0 to 8')
    .option('--backup-every <duration>', 'how often it is copied, such as 1h; off: never')
    .option('--backup-keep <n>', 'how many copies are kept (default: 7)')
    .addHelpText(
      'after',
      '\nCopies are files of the leader’s or holder’s node, in data/sql/backups of its home; p2pctl sql status tells where.\n\nExample:\n  $ p2pctl sql settings shop --readers 1 --backup-every 1h --backup-keep 24',
    )
    .action(run(async () => (await import('../sql/settings.ts')).adjustDatabase));
  sql
    .command('engine')
    .description('Move a database to the other engine: everything is copied, writes wait for that long.')
    .argument('<database>')
    .addArgument(new Argument('<engine>', 'what shall keep it').choices(['sqlite', 'rqlite']))
    .option('--voters <n>', 'of rqlite: 3 or 5')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql engine shop rqlite --voters 3')
    .action(run(async () => (await import('../sql/settings.ts')).moveDatabase));
  sql
    .command('recover')
    .description('Where a majority of the voters is gone for good: go on from the one that is furthest.')
    .argument('<database>')
    .option('--confirm <database>', 'its name once more, when you know what may be lost')
    .action(run(async () => (await import('../sql/databases.ts')).recoverDatabase));
  sql
    .command('schema')
    .description('The tables and views of a database.')
    .argument('<database>')
    .action(run(async () => (await import('../sql/databases.ts')).showSchema));
  const query = (command: Command) =>
    command
      .description('Run a statement that reads, and show its rows.')
      .argument('<database>')
      .argument('<sql>', 'one statement; - is standard input')
      .option('--param <value>', 'a value for each ?, in their order', collect)
      .addOption(consistency())
      .addHelpText(
        'after',
        `${VALUES}\n\nExample:\n  $ p2pctl query shop "SELECT * FROM orders WHERE id > ?" --param 5`,
      )
      .action(run(async () => (await import('../sql/statements.ts')).queryDatabase));
  query(sql.command('query'));
  query(root.command('query'));
  sql
    .command('execute')
    .alias('exec')
    .description('Run a statement, or with several as one transaction, that may change the database.')
    .argument('<database>')
    .argument('<sql...>', 'statements; - is one from standard input')
    .option('--param <value>', 'of a single statement: a value for each ?, in their order', collect)
    .option('--key <key>', 'idempotency key: a repeat under it has no second effect')
    .addHelpText(
      'after',
      `${VALUES}\n\nExample:\n  $ p2pctl sql execute shop "INSERT INTO orders (what) VALUES (?)" --param tea`,
    )
    .action(run(async () => (await import('../sql/statements.ts')).executeStatements));
  sql
    .command('shell')
    .description(
      'Enter statements one after the other, with history and completion; or read them from a pipe.',
    )
    .argument('<database>')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql shell shop')
    .action(run(async () => (await import('../sql/shell/shell.ts')).openShell));
  sql
    .command('watch')
    .description('Show the rows of a query, then each change of them, until Ctrl-C.')
    .argument('<database>')
    .argument('<sql>')
    .option('--param <value>', 'a value for each ?, in their order', collect)
    .option('--key <columns>', 'columns that name a row, with commas')
    .option('--for <duration>', 'end after so long, such as 10s')
    .addHelpText(
      'after',
      '\nWith --json each event is a line.\n\nExample:\n  $ p2pctl sql watch shop "SELECT * FROM orders" --key id',
    )
    .action(run(async () => (await import('../sql/watch.ts')).watchQuery));
  sql
    .command('migrate')
    .description('Apply the migrations of a folder that were not applied yet: 1_name.sql, 2_name.sql, …')
    .argument('<database>')
    .argument('<dir>')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql migrate shop ./migrations')
    .action(run(async () => (await import('../sql/migrate.ts')).migrateDatabase));
  sql
    .command('backup')
    .description('Write everything, as of one moment, into a SQLite file.')
    .argument('<database>')
    .argument('<file>')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql backup shop shop.sqlite')
    .action(run(async () => (await import('../sql/backup.ts')).backupDatabase));
  sql
    .command('restore')
    .description('Put a SQLite file in the place of everything in a database.')
    .argument('<database>')
    .argument('<file>')
    .option('--confirm <database>', 'its name once more; else it is asked for')
    .addHelpText('after', '\nExample:\n  $ p2pctl sql restore shop shop.sqlite --confirm shop')
    .action(run(async () => (await import('../sql/backup.ts')).restoreDatabase));
  sql
    .command('import')
    .description(
      'Fill a table from a CSV file with a line of column names; the table is made if there is none.',
    )
    .argument('<database>')
    .argument('<table>')
    .argument('<file>', 'CSV (RFC 4180); - is standard input')
    .option(
      '--types <types>',
      'of the columns, with commas, such as INTEGER,TEXT,REAL; default: found from the values',
    )
    .addHelpText('after', '\nExample:\n  $ p2pctl sql import shop orders orders.csv')
    .action(run(async () => (await import('../sql/import.ts')).importTable));
  sql
    .command('export')
    .description('Write a table, or with the format sql everything, to standard output.')
    .argument('<database>')
    .argument('[table]')
    .addOption(new Option('--format <format>', 'how').choices(['csv', 'json', 'sql']).default('csv'))
    .addHelpText('after', '\nExample:\n  $ p2pctl sql export shop orders --format csv > orders.csv')
    .action(run(async () => (await import('../sql/export.ts')).exportDatabase));
}
