/**
 * Fuzzes the HTTP door of a running system by its own OpenAPI document: `npm run fuzz -- http [--seconds 600]`. Both programs that
 * do it are foreign: openapi-spec-validator checks the document, schemathesis makes requests from it and holds every answer against
 * it: no 500, no status, header or body that is not described.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DevSystem, startDev } from '../../e2e/harness.ts';

const PACKAGES = ['schemathesis==4.32.5', 'openapi-spec-validator==0.9.0'];
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'missing_required_header',
  'unsupported_method',
];
/** Of an operation that the system may refuse in time of need; each is in the document where it may come. */
const TYPED_5XX = ['503', '504', '507'];
/** Names of what is there, so that requests get beyond "there is no such thing". */
const PRESENT = { database: 'shop', key: 'orders/1', app: 'tenant', namespace: 'chat', name: 'anna' };

/** The folder of `hooks.py`. */
const HOOKS = fileURLToPath(new URL('.', import.meta.url));

export interface HttpFuzz {
  readonly seconds: number;
  readonly seed?: string | undefined;
  readonly say: (line: string) => void;
}

/** `skipped` says what is missing; else what the programs printed, and whether they found anything. */
export type HttpFuzzReport =
  | { readonly skipped: string }
  | { readonly failed: boolean; readonly output: string };

export async function fuzzHttp({ seconds, seed, say }: HttpFuzz): Promise<HttpFuzzReport> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'p2pos-fuzz-http-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const bin = await tools(folder, say);
  if (bin === undefined) return { skipped: `needs python3 and ${PACKAGES.join(', ')}` };
  const dev = stack.use(await startDev({ nodes: 1 }));
  await fill(dev);
  const { http } = dev.node(0);
  const document = join(folder, 'openapi.json');
  await writeFile(document, await (await fetch(`${http}/openapi.json`)).text());
  const valid = await run(join(bin, 'openapi-spec-validator'), [document], folder, say);
  let output = valid.output;
  let failed = valid.code !== 0;
  // Half of the time with any names, half with such as there are.
  for (const parameters of [{}, PRESENT]) {
    await writeFile(join(folder, 'schemathesis.toml'), settings(parameters));
    const words = [
      ...['run', `${http}/openapi.json`, '--header', `authorization: Bearer ${dev.token(0)}`],
      ...['--checks', CHECKS.join(','), '--continue-on-failure', '--request-timeout', '35'],
      ...['--phases', 'coverage,fuzzing', '--max-time', String(Math.ceil(seconds / 2)), '--workers', '1'],
      // What would end the node that is fuzzed.
      ...['--exclude-path-regex', '^/v1/dev/', '--warnings', 'off'],
      ...(seed === undefined ? [] : ['--seed', seed]),
    ];
    const done = await run(join(bin, 'schemathesis'), words, folder, say);
    output += done.output;
    failed ||= done.code !== 0;
  }
  return { failed, output };
}

function settings(parameters: Readonly<Record<string, string>>): string {
  const pinned = Object.entries(parameters).map(
    ([name, value]) => `"path.${name}" = ${JSON.stringify(value)}\n`,
  );
  return `[checks]\nnot_a_server_error.expected-statuses = ${JSON.stringify(['2xx', '4xx', ...TYPED_5XX])}\n[parameters]\n${pinned.join('')}`;
}

/** The folder of the programs: `P2POS_FUZZ_BIN`, or made here where packages can be had. */
async function tools(folder: string, say: (line: string) => void): Promise<string | undefined> {
  const given = process.env['P2POS_FUZZ_BIN'];
  if (given !== undefined && existsSync(join(given, 'schemathesis'))) return given;
  const home = join(folder, 'python');
  const made = await run('python3', ['-m', 'venv', home], folder, say);
  if (made.code !== 0) return undefined;
  const pip = await run(join(home, 'bin/pip'), ['install', '--quiet', ...PACKAGES], folder, say);
  return pip.code === 0 ? join(home, 'bin') : undefined;
}

async function fill(dev: DevSystem): Promise<void> {
  await using client = dev.client(0);
  await client.kv.put(PRESENT.key, '1');
  await client.sql.create(PRESENT.database);
  await client.sql(PRESENT.database).execute('CREATE TABLE t (id INTEGER PRIMARY KEY, a)');
  await client.apps.put(PRESENT.app);
  await client.topics.append('news', '1');
  await client.rendezvous.register(PRESENT.namespace, PRESENT.name);
}

function run(program: string, words: readonly string[], cwd: string, say: (line: string) => void) {
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    const env = { ...process.env, SCHEMATHESIS_HOOKS: 'hooks', PYTHONPATH: HOOKS };
    const child = spawn(program, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk;
      for (const line of String(chunk).split('\n')) if (line.trim()) say(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => resolve({ code: 127, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
