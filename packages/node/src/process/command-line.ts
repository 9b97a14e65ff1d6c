/** What the words of the command line ask for. */
import { parseArgs } from 'node:util';
import { P2posError } from '@p2pos/protocol';
import { didYouMean, type Flags, homeFrom, NAMED_SETTINGS } from '../config/index.ts';

export type CommandName = 'run' | 'identity' | 'config show' | 'config check' | 'join' | 'help' | 'version';

export interface Command {
  readonly name: CommandName;
  readonly home: string;
  /** Of `join`: the invitation. */
  readonly text: string;
  readonly json: boolean;
  /** All that are not named above; the configuration judges them. */
  readonly flags: Flags;
}

const COMMANDS: readonly CommandName[] = ['run', 'identity', 'config show', 'config check', 'join'];

/** Throws CONFIG_INVALID for what is neither a command nor a flag with its value. */
export function parseCommandLine(args: readonly string[]): Command {
  const text = { type: 'string', multiple: true } as const;
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(NAMED_SETTINGS.map(({ flag }) => [flag, text])),
      home: text,
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string[]>();
  const words = new Set<string>();
  const command: string[] = [];
  let afterUnknown = -1;
  for (const token of tokens) {
    // What follows an unknown flag is rather its value than a command.
    if (token.kind === 'positional' && token.index !== afterUnknown) command.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, value, index } = token;
    if (['json', 'help', 'version'].includes(name)) words.add(name);
    else flags.set(name, [...(flags.get(name) ?? []), valueOfFlag(name, value)]);
    if (value === undefined && !words.has(name)) afterUnknown = index + 1;
  }
  const home = homeFrom(flags.get('home')?.at(-1));
  flags.delete('home');
  const name = words.has('help') ? 'help' : words.has('version') ? 'version' : commandOf(command);
  const invitation = name === 'join' ? (command[1] ?? '') : '';
  return { name, home, text: invitation, json: words.has('json'), flags };
}

function valueOfFlag(name: string, value: string | undefined): string {
  const isKnown = name === 'home' || NAMED_SETTINGS.some(({ flag }) => flag === name);
  if (!isKnown || (value !== undefined && value !== '')) return value ?? '';
  throw new P2posError('CONFIG_INVALID', {
    place: 'command line',
    key: `--${name}`,
    reason: 'needs a value',
  });
}

function commandOf(words: readonly string[]): CommandName {
  if (words.length === 0) return 'help';
  if (words[0] === 'join') {
    if (words.length === 2) return 'join';
    throw new P2posError('CONFIG_INVALID', {
      place: 'command line',
      key: 'join',
      reason: 'needs one invitation: p2pos://join/…',
    });
  }
  const name = words.join(' ');
  const found = COMMANDS.find((command) => command === name);
  if (found) return found;
  const reason = `is not a command.${didYouMean(name, COMMANDS) || ` There are ${COMMANDS.join(', ')}.`}`;
  throw new P2posError('CONFIG_INVALID', { place: 'command line', key: name.slice(0, 80), reason });
}

export function helpText(): string {
  const settings = NAMED_SETTINGS.map(({ flag, kind, doc }) => `  --${flag} (${kind.name})\n      ${doc}`);
  return `The node of P2POS: one process, one key, one home. People use it through p2pctl.

Usage: p2pos-node COMMAND [--home DIR] [FLAGS]

Commands:
  run           Runs the node until SIGINT or SIGTERM.
  join TEXT     Makes the home of a node of the system that the invitation names.
  identity      Makes the node's key if there is none, and prints its peer id.
  config show   Prints every setting and where it comes from.
  config check  Says all that is wrong with the settings.

Flags:
  --home DIR    Where key, settings and data lie. Default: P2POS_HOME, or ~/.p2pos
  --json        For identity and config: prints JSON.
  --help, --version

Settings, each also a key of node.toml and a variable (--kv-max-value-bytes is P2POS_KV_MAX_VALUE_BYTES):
${settings.join('\n')}

Example:
  $ p2pos-node run --home ~/.p2pos --log-level debug

Exit codes: 0 done, 1 failed, 2 a mistake in what was asked or set.
`;
}
