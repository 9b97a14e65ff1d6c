/** `p2pctl sql`: databases. */
import { type Command, Option } from 'commander';
import type { Program } from '../program.ts';

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
}
