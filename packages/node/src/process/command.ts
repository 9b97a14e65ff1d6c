import {
  createLiveConfig,
  describeConfig,
  type LoadedConfig,
  loadConfig,
  showConfig,
} from '../config/index.ts';
import { type Clock, createSystemClock } from '../core/clock/index.ts';
import { openIdentity } from '../core/identity/index.ts';
import { createLogger } from '../core/log/index.ts';
import { createSystemRandom } from '../core/random/index.ts';
import { type Command, helpText, parseCommandLine } from './command-line.ts';
import { complain, exitCodeOf } from './complaint.ts';
import { type CreateNode, runNode } from './run.ts';
import { SOFTWARE_VERSION } from './software-version.ts';

/** Does what the words ask and sets the exit code; never rejects. `run` returns when the node has ended. */
export async function runCommand(args: readonly string[], createNode: CreateNode): Promise<void> {
  try {
    const command = parseCommandLine(args);
    process.exitCode = await execute(command, createNode);
  } catch (error) {
    complain(error);
    process.exitCode = exitCodeOf(error);
  }
}

async function execute(command: Command, createNode: CreateNode): Promise<number> {
  const { name, home, json, flags } = command;
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
    case 'run': {
      const live = createLiveConfig(loaded);
      const log = logTo(process.stdout, clock, live);
      const reload = () => live.update(loadConfig({ home, flags }));
      return await runNode({ clock, log, createNode, process, reload }, { config: live.config, home });
    }
  }
}

function logTo(destination: NodeJS.WriteStream, clock: Clock, { config }: Pick<LoadedConfig, 'config'>) {
  // Whoever read the log is gone; that is no reason to fail.
  destination.on('error', () => {});
  return createLogger({ clock, destination }, config.log);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}
