import {
  createLiveConfig,
  describeConfig,
  type LoadedConfig,
  loadConfig,
  showConfig,
} from '../config/index.ts';
import { type Clock, createSystemClock } from '../core/clock/index.ts';
import { openIdentity } from '../core/identity/index.ts';
import { createLogger, type LogLevel } from '../core/log/index.ts';
import { createSystemRandom } from '../core/random/index.ts';
import { type Command, helpText, parseCommandLine } from './command-line.ts';
import { complain, exitCodeOf } from './complaint.ts';
import { describeJoin, type JoinSystem, joinHome } from './join.ts';
import { type CreateNode, runNode } from './run.ts';
import { SOFTWARE_VERSION } from './software-version.ts';

/** Does what the words ask and sets the exit code; never rejects. `run` returns when the node has ended. */
export async function runCommand(
  args: readonly string[],
  parts: { readonly createNode: CreateNode; readonly joinSystem: JoinSystem },
): Promise<void> {
  try {
    const command = parseCommandLine(args);
    process.exitCode = await execute(command, parts);
  } catch (error) {
    complain(error);
    process.exitCode = exitCodeOf(error);
  }
}

async function execute(
  command: Command,
  { createNode, joinSystem }: Parameters<typeof runCommand>[1],
): Promise<number> {
  const { name, home, text, json, flags } = command;
  if (name === 'help') return say(helpText());
  if (name === 'version') return say(`${SOFTWARE_VERSION}\n`);
  const loaded = loadConfig({ home, flags });
  const clock = createSystemClock();
  switch (name) {
    case 'config show':
      return say(
        json
          ? `${JSON.stringify({ home, settings: describeConfig(loaded) }, null, 2)}\n`
          : showConfig(loaded),
      );
    case 'config check':
      return say(json ? '{"valid":true}\n' : `The settings of ${home} are valid.\n`);
    case 'identity': {
      const { peerId } = await openIdentity(
        { random: createSystemRandom(), log: logTo(process.stderr, clock, loaded) },
        { home, passphraseFile: loaded.config.node.passphraseFile },
      );
      return say(`${JSON.stringify({ peerId })}\n`);
    }
    case 'join': {
      const isSet = loaded.origins.get('log.level') !== 'default';
      const log = logTo(process.stderr, clock, loaded, isSet ? undefined : 'warn');
      const answer = await joinHome({ clock, log, joinSystem }, { home, text, loaded });
      return say(json ? `${JSON.stringify(answer)}\n` : describeJoin(answer));
    }
    case 'run': {
      const live = createLiveConfig(loaded);
      const log = logTo(process.stdout, clock, live);
      const reload = () => live.update(loadConfig({ home, flags }));
      return await runNode({ clock, log, createNode, process, reload }, { config: live.config, home });
    }
  }
}

function logTo(
  destination: NodeJS.WriteStream,
  clock: Clock,
  { config }: Pick<LoadedConfig, 'config'>,
  level?: LogLevel,
) {
  // Whoever read the log is gone; that is no reason to fail.
  destination.on('error', () => {});
  // Read anew for each line: a running node reads its settings again.
  const settings = {
    get level() {
      return level ?? config.log.level;
    },
    get format() {
      return config.log.format;
    },
  };
  return createLogger({ clock, destination }, settings);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}
