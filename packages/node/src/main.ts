/** The process of a node: what it is asked on the command line, and its exit code. */
import { runCommand } from './process/command.ts';

await runCommand(process.argv.slice(2), {
  async createNode(config, context) {
    const { createDaemon } = await import('./daemon.ts');
    return await createDaemon(config, context);
  },
  async joinSystem({ clock, log, identity, store }, invitation, { config }) {
    const { joinFrom } = await import('./daemon.ts');
    return await joinFrom({ clock, log, identity, store }, invitation, config);
  },
});
