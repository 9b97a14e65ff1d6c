import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTempFolder } from '../testing/temp-folder.ts';
import { createLiveConfig, loadConfig } from './index.ts';

test('T10: what is live changes under its readers, the rest waits for a restart, a mistake changes nothing', async () => {
  await using folder = await createTempFolder();
  const write = (text: string) => writeFile(join(folder.path, 'node.toml'), text);
  const load = () => loadConfig({ home: folder.path, env: {} });
  const live = createLiveConfig(load());
  const { config } = live;
  const hosts = config.http.allowedHosts;
  assert.deepEqual(live.update(load()), { applied: [], needsRestart: [] });

  await write(
    '[log]\nlevel = "debug"\n[http]\nallowed_hosts = ["a.example"]\n[kv]\nmax_value_bytes = "1KiB"\n',
  );
  assert.deepEqual(live.update(load()), {
    applied: ['http.allowed_hosts', 'log.level'],
    needsRestart: ['kv.max_value_bytes'],
  });
  assert.equal(config.log.level, 'debug');
  assert.deepEqual(hosts, ['a.example'], 'a list that was handed on changes with it');
  assert.equal(config.kv.maxValueBytes, 65_536);
  assert.deepEqual(
    live.update(load()).needsRestart,
    ['kv.max_value_bytes'],
    'it waits as long as it is not in force',
  );

  await write('[log]\nlevel = "loud"\n[http]\nallowed_hosts = []\n');
  assert.throws(() => live.update(load()), { code: 'CONFIG_INVALID' });
  assert.deepEqual([config.log.level, hosts], ['debug', ['a.example']]);
});
