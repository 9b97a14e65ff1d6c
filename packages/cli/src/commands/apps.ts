/** `p2pctl apps`: tenants, their tokens and quotas; `whoami` and `audit`. */
import type { Command } from 'commander';
import type { Program } from '../action.ts';

const withQuotas = (command: Command): Command =>
  command
    .option('--requests <n>', 'calls a second, through all nodes together')
    .option('--messages <n>', 'published messages a second')
    .option('--stored-bytes <n>', 'bytes of keys and values, each counted once')
    .option('--databases <n>', 'databases');

export function defineApps({ root, run }: Program): void {
  const apps = root
    .command('apps')
    .description('Tenants: each has its own data, tokens and quotas.')
    .addHelpText('after', '\nExample:\n  $ p2pctl apps create shop --requests 500')
    .action(run(async () => (await import('../apps/apps.ts')).listApps));
  apps
    .command('list')
    .description('All apps.')
    .action(run(async () => (await import('../apps/apps.ts')).listApps));
  withQuotas(apps.command('create').description('Make an app.').argument('<app>', 'a–z 0–9 -'))
    .addHelpText('after', '\nExample:\n  $ p2pctl apps create shop --requests 500 --stored-bytes 1000000000')
    .action(run(async () => (await import('../apps/apps.ts')).createApp));
  withQuotas(apps.command('quota').description('Show or set quotas.').argument('<app>'))
    .option('--unlimited', 'without any')
    .addHelpText('after', '\nExample:\n  $ p2pctl apps quota shop --requests 1000')
    .action(run(async () => (await import('../apps/apps.ts')).setQuotas));
  apps
    .command('suspend')
    .description('Refuse all tokens of an app; its data stays.')
    .argument('<app>')
    .action(run(async () => (await import('../apps/apps.ts')).suspendApp));
  apps
    .command('resume')
    .description('Take the tokens of a suspended app again.')
    .argument('<app>')
    .action(run(async () => (await import('../apps/apps.ts')).resumeApp));
  apps
    .command('delete')
    .description('Delete an app with all its data and tokens, for good.')
    .argument('<app>')
    .option('--confirm <app>', 'its name again')
    .addHelpText('after', '\nExample:\n  $ p2pctl apps delete shop --confirm shop')
    .action(run(async () => (await import('../apps/apps.ts')).deleteApp));
  apps
    .command('usage')
    .description('What an app has used, over all nodes.')
    .argument('<app>')
    .action(run(async () => (await import('../apps/apps.ts')).showUsage));

  const tokens = apps.command('tokens').description('Tokens of an app.');
  tokens
    .command('list')
    .description('The tokens, without their secrets.')
    .argument('<app>')
    .action(run(async () => (await import('../apps/tokens.ts')).listTokens));
  tokens
    .command('create')
    .description('Make a token. Its secret is printed once and kept nowhere.')
    .argument('<app>')
    .argument('<grants...>', 'such as kv:read kv:write@orders/ pubsub:*')
    .option('--label <text>', 'what it is for')
    .option('--expires <duration>', 'such as 90d; default: never')
    .addHelpText(
      'after',
      '\nExample:\n  $ p2pctl apps tokens create shop kv:read kv:write@carts/ --expires 90d',
    )
    .action(run(async () => (await import('../apps/tokens.ts')).createToken));
  tokens
    .command('rotate')
    .description('Make a new token with the same grants; the old one ends.')
    .argument('<app>')
    .argument('<id>')
    .option('--grace <duration>', 'how long the old one is still taken; default: not at all')
    .addHelpText('after', '\nExample:\n  $ p2pctl apps tokens rotate shop 0123456789abcdef --grace 1h')
    .action(run(async () => (await import('../apps/tokens.ts')).rotateToken));
  tokens
    .command('revoke')
    .description(
      'End a token: within ten seconds on every node that reaches a majority, within sixty on all.',
    )
    .argument('<app>')
    .argument('<id>')
    .action(run(async () => (await import('../apps/tokens.ts')).revokeToken));

  root
    .command('whoami')
    .description('Whose token this is and what it allows.')
    .action(run(async () => (await import('../apps/tokens.ts')).whoAmI));
  root
    .command('audit')
    .description('Administrative calls, the newest first.')
    .option('--limit <n>', 'how many', '50')
    .action(run(async () => (await import('../apps/audit.ts')).showAudit));
}
