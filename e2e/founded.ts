/** A system founded as an operator does it: system create, init, up, members add; each node a process of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseFreePorts } from '../packages/cli/src/dev/ports.ts';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { type Client, connect } from '../packages/sdk/src/index.ts';
import { CLONE, type Outcome, p2pctl } from './harness.ts';

const P2PCTL = join(CLONE, 'packages/cli/bin/p2pctl.mjs');

export interface FoundedNode {
  readonly name: string;
  readonly home: string;
  readonly peerId: string;
  readonly http: string;
  readonly p2p: string;
}

export interface FoundedSystem extends AsyncDisposable {
  readonly folder: string;
  /** Where `system create` put everything. */
  readonly system: string;
  readonly systemId: string;
  readonly nodes: readonly FoundedNode[];
  readonly passphraseFile: string;
  /** Makes the home of one more node; it is no member yet and does not run. */
  prepare(): Promise<FoundedNode>;
  start(index: number, options?: StartOptions): Promise<void>;
  /** Ends it in order, or with another signal. */
  stop(index: number, signal?: NodeJS.Signals): Promise<void>;
  process(index: number): ChildProcess;
  output(index: number): string;
  client(index: number): Client;
  /** At a node. */
  at(index: number, ...words: string[]): Promise<Outcome>;
  /** With the first admin's files. */
  asAdmin(index: number, ...words: string[]): Promise<Outcome>;
  /** Must succeed; the JSON that it answers. */
  json(...words: string[]): Promise<Record<string, unknown>>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of `p2pctl up`: the words for Node. */
  readonly command?: readonly string[];
}

export interface FoundingOptions {
  readonly nodes?: number;
  readonly keys?: number;
  readonly threshold?: number;
  readonly releaseKeys?: number;
  /** Before the first start of each node. */
  readonly start?: StartOptions | ((node: FoundedNode) => StartOptions);
}

export async function foundSystem(options: FoundingOptions = {}): Promise<FoundedSystem> {
  const { nodes: count = 3, keys = 1, releaseKeys = 0 } = options;
  const threshold = options.threshold ?? Math.floor(keys / 2) + 1;
  await using starting = new AsyncDisposableStack();
  const temp = starting.use(await createTempFolder());
  const folder = temp.path;
  const system = join(folder, 'system');
  const passphraseFile = join(folder, 'passphrase');
  writeFileSync(passphraseFile, 'a passphrase for tests\n', { mode: 0o600 });
  const nodes: FoundedNode[] = [];
  const processes = new Map<number, { child: ChildProcess; output: string }>();

  const json: FoundedSystem['json'] = async (...words) => {
    const { code, stdout, stderr } = await p2pctl(...words, '--json');
    assert.equal(code, 0, `${words.join(' ')}\n${stderr}`);
    return JSON.parse(stdout);
  };
  const node = (index: number) => nodes[index] ?? assert.fail(`there is no node ${index}`);

  async function prepare(): Promise<FoundedNode> {
    const [p2pPort = 0, httpPort = 0] = await chooseFreePorts(2);
    const name = `node${nodes.length}`;
    const home = join(folder, name);
    const listen = `/ip4/127.0.0.1/tcp/${p2pPort}`;
    const others = nodes.flatMap(({ p2p }) => ['--connect', p2p]);
    const made = await json(
      'init',
      ...['--home', home, '--system', system, '--name', name, '--http', `127.0.0.1:${httpPort}`],
      ...['--listen', listen, ...others, ...(nodes.length === 0 ? ['--found'] : [])],
      ...['--passphrase-file', passphraseFile],
    );
    const peerId = String(made['peerId']);
    const prepared = {
      name,
      home,
      peerId,
      http: `http://127.0.0.1:${httpPort}`,
      p2p: `${listen}/p2p/${peerId}`,
    };
    nodes.push(prepared);
    return prepared;
  }

  async function start(index: number, given?: StartOptions): Promise<void> {
    const chosen = typeof options.start === 'function' ? options.start(node(index)) : options.start;
    const { env = {}, command } = given ?? chosen ?? {};
    const words = command ?? [P2PCTL, 'up', '--home', node(index).home];
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const running = { child, output: '' };
    processes.set(index, running);
    child.stdout?.on('data', (chunk) => (running.output += chunk));
    child.stderr?.on('data', (chunk) => (running.output += chunk));
    await eventually(
      () => {
        if (/action=ready/.test(running.output)) return;
        throw new Error(`${node(index).name} did not start:\n${running.output}`);
      },
      { timeoutMs: 60_000 },
    );
  }

  const running = (index: number) => processes.get(index) ?? assert.fail(`node ${index} was not started`);

  async function stop(index: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { child } = running(index);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  function client(index: number): Client {
    const token = readFileSync(join(node(index).home, 'token'), 'utf8').trim();
    return connect({ url: node(index).http, token, maxAttempts: 1 });
  }

  const at = (index: number, ...words: string[]) => p2pctl(...words, '--home', node(index).home);
  const asAdmin = (index: number, ...words: string[]) =>
    at(
      index,
      ...words,
      ...['--admin-key', join(system, 'admin.key'), '--admin-proof', join(system, 'admin-proof.cbor')],
      ...['--passphrase-file', passphraseFile],
    );

  const created = await json(
    'system',
    'create',
    system,
    ...['--name', 'test', '--keys', String(keys), '--threshold', String(threshold)],
    ...['--release-keys', String(releaseKeys), '--passphrase-file', passphraseFile],
  );
  starting.defer(async () => {
    await Promise.all([...processes.keys()].map((index) => stop(index)));
  });
  const starts: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    await prepare();
    starts.push(start(index));
    starts[index]?.catch(() => {});
  }
  await starts[0];
  for (const { peerId, name, p2p } of nodes.slice(1)) {
    const address = p2p.replace(/\/p2p\/.*/, '');
    const added = await asAdmin(0, 'members', 'add', peerId, '--name', name, '--address', address);
    assert.equal(added.code, 0, added.stderr);
  }
  await Promise.all(starts);
  await Promise.all(
    nodes.map(async (_, index) => {
      await using each = client(index);
      await eventually(
        async () => {
          const { state, members, connected } = await each.network.status();
          assert.deepEqual(
            { state, members, connected },
            { state: 'healthy', members: count, connected: count - 1 },
          );
        },
        { timeoutMs: 60_000 },
      );
    }),
  );
  const started = starting.move();
  return {
    folder,
    system,
    systemId: String(created['systemId']),
    nodes,
    passphraseFile,
    prepare,
    start,
    stop,
    process: (index) => running(index).child,
    output: (index) => running(index).output,
    client,
    at,
    asAdmin,
    json,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
