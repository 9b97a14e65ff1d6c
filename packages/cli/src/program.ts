/** All words of `p2pctl`. Only words and help are loaded here; what a command does is loaded when it is called. */
import { Command, CommanderError } from 'commander';
import type { Program } from './action.ts';
import { defineApps } from './commands/apps.ts';
import { defineCompletion } from './commands/completion.ts';
import { defineConfig } from './commands/config.ts';
import { defineContext } from './commands/context.ts';
import { defineDev } from './commands/dev.ts';
import { defineDoctor } from './commands/doctor.ts';
import { defineJoin } from './commands/join.ts';
import { defineKeys } from './commands/keys.ts';
import { defineKv } from './commands/kv.ts';
import { defineMembers } from './commands/members.ts';
import { defineNetwork } from './commands/network.ts';
import { definePubsub } from './commands/pubsub.ts';
import { defineReceipt } from './commands/receipt.ts';
import { defineRendezvous } from './commands/rendezvous.ts';
import { defineSql } from './commands/sql.ts';
import { defineUpdate } from './commands/update.ts';
import type { CommonOptions, Invocation, Surroundings } from './invocation.ts';
import { nearest } from './suggestion.ts';

const COMMON_HELP = `
The node is found by --url, --home, P2POS_HOME, the chosen context, ./.p2pos/dev.json or ~/.p2pos, in this order.
Exit codes: 0 done, 1 failed, 2 usage, 3 partly, 4 unreachable.

Example:
  $ p2pctl dev                     a system of five nodes on this machine
  $ p2pctl kv put greeting hello   and data in it`;

/** In the order in which help lists them. */
const WORDS: readonly (readonly [heading: string, words: readonly ((program: Program) => void)[]])[] = [
  ['A system and its nodes:', [defineDev, defineConfig, defineNetwork, defineDoctor]],
  ['Data:', [defineKv, defineSql, definePubsub, defineRendezvous, defineReceipt]],
  ['Tenants:', [defineApps]],
  ['Governing:', [defineJoin, defineMembers, defineKeys, defineUpdate]],
  ['This program:', [defineContext, defineCompletion]],
];

/** @returns the exit code */
export async function runProgram(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  let exitCode: number = 0;
  const invocationOf = (command: Command): Invocation => {
    const options = command.optsWithGlobals<CommonOptions>();
    return Object.defineProperties({ options }, Object.getOwnPropertyDescriptors(surroundings)) as Invocation;
  };
  const root = createRoot(surroundings);
  const run: Program['run'] =
    (load) =>
    async (...values) => {
      const command = values.at(-1) as Command;
      const invocation = invocationOf(command);
      try {
        const action = await load();
        exitCode =
          (await action(invocation, command.processedArgs as (string | undefined)[], command.opts())) ?? 0;
      } catch (error) {
        const { reportFailure } = await import('./failure.ts');
        exitCode = reportFailure(invocation, error);
      }
    };
  const program: Program = { root, run };
  for (const [heading, words] of WORDS) {
    root.commandsGroup(heading);
    for (const define of words) define(program);
  }
  try {
    await root.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

function createRoot({ terminal }: Surroundings): Command {
  const root = new Command('p2pctl')
    .description('Runs and uses P2POS systems.')
    .option('--json', 'answer in JSON')
    .option('--url <url>', "the node's HTTP address")
    .option('--token-file <file>', 'file with the token for --url')
    .option('--home <dir>', "a node's home, or a dev folder")
    .option('--node <n>', 'which node of a dev folder')
    .option('--app <name>', "act in this app, with the operator's token")
    .addHelpText('after', COMMON_HELP)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.replace(/\n$/, '')),
      writeErr: (text) => terminal.say(text.replace(/\n$/, '')),
      outputError: (text, write) => write(sentence(text, root)),
    });
  return root;
}

/** commander's `error: unknown command 'x'` and its suggestion, with the command to try under it. */
function sentence(text: string, root: Command): string {
  const path = callPath(root);
  const said = unknownWord(text, path.at(-1) as Command) ?? text.trimEnd().replace(/\n/g, ' ');
  const suggestion = /\(Did you mean (?:one of )?([^?,]+)/.exec(said)?.[1];
  const names = path.map((command) => command.name()).join(' ');
  const isWord = suggestion !== undefined && !suggestion.startsWith('-');
  const next = isWord ? `${names} ${suggestion}` : `${names} --help`;
  return `${said}\ntry: ${next}\n`;
}

/** To commander a word that no command has is an argument too many, where the command before it does something by itself. */
function unknownWord(text: string, command: Command): string | undefined {
  const [word] = command.args;
  if (word === undefined || command.commands.length === 0 || !text.startsWith('error: too many arguments'))
    return undefined;
  const meant = nearest(
    word,
    command.commands.map((child) => child.name()),
  );
  return `error: unknown command '${word}'${meant === undefined ? '' : ` (Did you mean ${meant}?)`}`;
}

/** From the program to the command that was being parsed when it failed. */
function callPath(root: Command): Command[] {
  const path: Command[] = [];
  let command: Command | undefined = root;
  while (command) {
    path.push(command);
    const word: string | undefined = command.args[0];
    command = command.commands.find(
      (child) => word !== undefined && (child.name() === word || child.aliases().includes(word)),
    );
  }
  return path;
}
