import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);

/** A process whose node is a stub; `body` is the body of createNode. */
const script = (body: string, stopTimeoutMs: number) => `
  const { runNode } = await import(${here('./run.ts')});
  const { createSystemClock } = await import(${here('../core/clock/index.ts')});
  const { createLogger } = await import(${here('../core/log/index.ts')});
  const { P2posError } = await import(${here('../../../protocol/src/index.ts')});
  const clock = createSystemClock();
  const log = createLogger({ clock, destination: process.stdout }, { level: 'debug', format: 'text' });
  const nodeWith = (dispose, failed) => ({
    peerId: 'p', httpUrl: 'http://x', addresses: () => ['/a'], failed, [Symbol.asyncDispose]: dispose,
  });
  const told = (word) => new Promise((resolve) => process.on('message', (message) => message === word && resolve()));
  let reloads = 0;
  const reload = () => {
    if (reloads++ === 0) return { applied: ['log.level'], needsRestart: [] };
    throw new P2posError('CONFIG_INVALID', { place: 'node.toml', key: 'x', reason: 'is not a setting' });
  };
  const createNode = async (config, context) => { ${body} };
  process.exitCode = await runNode({ clock, log, createNode, process, reload }, { config: {}, home: '/h', stopTimeoutMs: ${stopTimeoutMs} });
`;

/** The bound on the end is long, so that a busy machine does not meet it, but where it is what is tested. */
function start(body: string, stopTimeoutMs = 60_000) {
  const args = ['--input-type=module', '--eval', script(body, stopTimeoutMs)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let out = '';
  let complaint = '';
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (complaint += chunk));
  const messages: unknown[] = [];
  const waiting = new Map<string, () => void>();
  child.on('message', (message: { event: string }) => {
    messages.push(message);
    waiting.get(message.event)?.();
  });
  return {
    child,
    messages,
    said: (event: string) => new Promise<void>((resolve) => waiting.set(event, resolve)),
    logged: async (text: string) => {
      while (!out.includes(text)) await once(child.stdout as NodeJS.ReadableStream, 'data');
    },
    async ended() {
      // Not `close`: it does not come when this side closed the channel.
      const streams = [child.stdout, child.stderr].map((stream) =>
        once(stream as NodeJS.ReadableStream, 'end'),
      );
      const [[code]] = await Promise.all([once(child, 'exit'), ...streams]);
      return { code, out, complaint };
    },
  };
}

test('it tells its supervisor when it serves, ends in order at SIGTERM and with 0', async () => {
  const node = start("return nodeWith(async () => log.info({ action: 'undone' }, 'undone'))");
  const ended = node.ended();
  await node.said('ready');
  node.child.kill('SIGTERM');
  const { code, out, complaint } = await ended;
  assert.equal(code, 0);
  assert.equal(complaint, '');
  assert.match(out, /action=ready .*action=stop why=SIGTERM phase=serve .*action=undone .*action=stopped/s);
  assert.deepEqual(node.messages, [
    { event: 'ready', http: 'http://x', p2p: ['/a'], peerId: 'p', pid: node.child.pid },
  ]);
});

test('T10: SIGHUP reads the settings again and ends nothing; a mistake in them is logged and changes nothing', async () => {
  const node = start('return nodeWith(async () => {})');
  const ended = node.ended();
  await node.said('ready');
  node.child.kill('SIGHUP');
  await node.logged('settings read again');
  node.child.kill('SIGHUP');
  await node.logged('none was taken up');
  node.child.kill('SIGTERM');
  const { code, out } = await ended;
  assert.equal(code, 0);
  assert.match(out, /error action=config_reload why=SIGHUP .*is not a setting/);
});

test('a second SIGINT does not hurry the end', async () => {
  const node = start("return nodeWith(() => told('finish'))");
  const ended = node.ended();
  await node.said('ready');
  node.child.kill('SIGINT');
  await node.logged('why=SIGINT');
  node.child.kill('SIGINT');
  node.child.send('finish');
  const { code, out } = await ended;
  assert.equal(code, 0);
  assert.equal(out.match(/action=stop /g)?.length, 1);
});

test('it ends when the channel to its supervisor closes', async () => {
  const node = start("return nodeWith(async () => log.info({ action: 'undone' }, 'undone'))");
  const ended = node.ended();
  await node.said('ready');
  node.child.disconnect();
  const { code, out } = await ended;
  assert.equal(code, 0);
  assert.match(out, /the supervisor is gone.*action=undone/s);
});

test('asked to end while it starts, it undoes what it started and never says that it serves', async () => {
  const node = start(
    "log.info({ action: 'starting' }, 'x'); await told('go'); return nodeWith(async () => log.info({ action: 'undone' }, 'undone'))",
  );
  const ended = node.ended();
  await node.logged('action=starting');
  node.child.kill('SIGTERM');
  await node.logged('phase=start');
  node.child.send('go');
  const { code, out } = await ended;
  assert.equal(code, 0);
  assert.match(out, /action=undone/);
  assert.deepEqual(node.messages, []);
});

test('an end that hangs is ended by force with 1, and the log says what held it', async () => {
  const node = start('setInterval(() => {}, 1000); return nodeWith(() => new Promise(() => {}))', 300);
  const ended = node.ended();
  await node.said('ready');
  node.child.kill('SIGTERM');
  const { code, out } = await ended;
  assert.equal(code, 1);
  assert.match(out, /error action=stop_timeout stopTimeoutMs=300 hanging="[^"]*Timeout/);
});

test('an error that nothing expected is logged as a crash and ends with 1', async () => {
  for (const body of [
    "setImmediate(() => { throw new Error('boom') }); return nodeWith(async () => {})",
    "void Promise.reject(new Error('boom')); return nodeWith(async () => {})",
  ]) {
    const { code, out } = await start(body).ended();
    assert.equal(code, 1);
    assert.match(out, /error action=crash .*boom/);
  }
});

test("an operator's mistake is one sentence, without a stack, and 2", async () => {
  const node = start("throw new P2posError('HOME_IN_USE', { folder: '/h', pid: 7 })");
  const { code, complaint } = await node.ended();
  const reason =
    'The folder /h is in use by process 7. Stop that process, or choose another folder with --home.';
  assert.equal(code, 2);
  assert.equal(complaint, `error: ${reason}\n`);
  assert.deepEqual(node.messages, [{ event: 'failed', reason }]);
});

test('a node that fails later is undone and ends with 1', async () => {
  const node = start(
    "const failure = new AbortController(); setTimeout(() => failure.abort(new P2posError('STORE_FAILED', { reason: 'disk' })), 10); return nodeWith(async () => log.info({ action: 'undone' }, 'undone'), failure.signal)",
  );
  const { code, out, complaint } = await node.ended();
  assert.equal(code, 1);
  assert.match(out, /action=stop why="it failed".*action=undone.*action=failed/s);
  assert.match(complaint, /^error: The node's store failed: disk\. [^\n]*\n$/);
});
