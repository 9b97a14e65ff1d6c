import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSystemClock } from '../core/clock/index.ts';
import { createLogger } from '../core/log/index.ts';
import { createDaemon } from '../daemon.ts';
import { createTempFolder } from '../testing/temp-folder.ts';
import { type Config, loadConfig, NAMED_SETTINGS } from './index.ts';

const NO_PORTS = new Map([
  ['system-id', [`sys1${'a'.repeat(52)}`]],
  ['net-listen', ['/ip4/127.0.0.1/tcp/0']],
  ['http-listen', ['127.0.0.1:0']],
]);

/** The same configuration; `read` gets `section.property` of each setting that somebody asks for. */
function watched(config: Config, read: Set<string>): Config {
  const sections = Object.entries(config).map(([section, settings]) => [
    section,
    new Proxy(settings, {
      get(target, property, receiver) {
        read.add(`${section}.${String(property)}`);
        return Reflect.get(target, property, receiver);
      },
    }),
  ]);
  return Object.fromEntries(sections) as Config;
}

test('T15: every setting that exists is read by the node that starts with it', async () => {
  await using folder = await createTempFolder();
  const read = new Set<string>();
  const { config } = loadConfig({ home: folder.path, flags: NO_PORTS, env: {} });
  const watchedConfig = watched(config, read);
  const log = createLogger(
    { clock: createSystemClock(), destination: { write: () => {} } },
    watchedConfig.log,
  );
  await using _ = await createDaemon(watchedConfig, { home: folder.path, log });
  const unread = NAMED_SETTINGS.filter(({ section, property }) => !read.has(`${section}.${property}`));
  assert.deepEqual(
    unread.map(({ key }) => key),
    [],
  );
});
