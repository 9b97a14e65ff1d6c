/**
 * The page of anchat: node examples/anchat/server/main.ts --url http://127.0.0.1:4180 --url http://127.0.0.1:4181 --token-file anchat.token
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPage } from './page.ts';
import { listenSite } from './site.ts';

const { values } = parseArgs({
  options: {
    url: { type: 'string', multiple: true, default: ['http://127.0.0.1:4180'] },
    'token-file': { type: 'string', default: 'anchat.token' },
    port: { type: 'string', default: '4300' },
    'test-wallet': { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'anchat-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0));
await buildPage(folder);
const { url } = await listenSite({
  urls: values.url,
  token: readFileSync(values['token-file'], 'utf8').trim(),
  port: Number(values.port),
  testWallet: values['test-wallet'],
  folder,
});
console.log(`anchat: ${url}`);
