/** Every example as its README starts it, against one system, with the token of a tenant. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE, type DevSystem, startDev } from './harness.ts';

const FOLDER = join(CLONE, 'examples');
const EXAMPLES = ['config-store', 'csv-import', 'guest-book', 'job-queue', 'live-dashboard'];

interface Running extends AsyncDisposable {
  readonly process: ChildProcess;
  /** What it printed so far. */
  output(): string;
  /** The first match in its output. */
  printed(form: RegExp): Promise<RegExpExecArray>;
}

describe('the examples', () => {
  let dev: DevSystem;
  let folder: Awaited<ReturnType<typeof createTempFolder>>;
  let env: Record<string, string>;

  before(async () => {
    folder = await createTempFolder();
    dev = await startDev({ nodes: 3 });
    await done('apps', 'create', 'examples');
    const urls = dev.nodes().map(({ http }) => http);
    env = { P2POS_URL: urls.join(','), P2POS_TOKEN: '', PORT: '0' };
  });
  after(async () => {
    await dev?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  async function done(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await dev.p2pctl(...words);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  /** The grants that the README of the example asks for, and no more. */
  async function tokenOf(example: string): Promise<string> {
    const readme = readFileSync(join(FOLDER, example, 'README.md'), 'utf8');
    const grants =
      /apps tokens create examples (.*)\)$/m.exec(readme)?.[1] ?? assert.fail(`${example}: no grants`);
    return done('apps', 'tokens', 'create', 'examples', ...grants.replaceAll("'", '').split(' '));
  }

  function start(example: string, words: readonly string[], more: Readonly<Record<string, string>>): Running {
    const child = spawn(process.execPath, [join(FOLDER, example, 'main.ts'), ...words], {
      env: { ...process.env, ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    return {
      process: child,
      output: () => output,
      printed: (form) =>
        eventually(() => form.exec(output) ?? assert.fail(`${example} did not print ${form}:\n${output}`), {
          timeoutMs: 20_000,
        }),
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  /** Runs it to its end. */
  async function run(
    example: string,
    words: readonly string[],
    P2POS_TOKEN: string,
  ): Promise<[number | null, string]> {
    await using running = start(example, words, { P2POS_TOKEN });
    const code = await new Promise<number | null>((resolve) => running.process.once('close', resolve));
    return [code, running.output()];
  }

  it('are those that are tested, short, and have a README', () => {
    const present = readdirSync(FOLDER).filter((name) => name !== 'anchat');
    assert.deepEqual(present.toSorted(), EXAMPLES);
    for (const name of present) {
      const lines = readFileSync(join(FOLDER, name, 'main.ts'), 'utf8').split('\n').length;
      assert.ok(lines <= 100, `${name} has ${lines} lines`);
    }
  });

  it('guest-book: two servers at two nodes show one book, and what guests write stays text', async () => {
    const token = { P2POS_TOKEN: await tokenOf('guest-book') };
    await using one = start('guest-book', [], { ...token, P2POS_URL: dev.node(0).http });
    await using two = start('guest-book', [], { ...token, P2POS_URL: dev.node(1).http });
    const [[first], [second]] = [await one.printed(/http:\S+/), await two.printed(/http:\S+/)];
    const sign = (url: string, name: string, text: string) =>
      fetch(url, { method: 'POST', body: new URLSearchParams({ name, text }) });
    await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        sign(i % 2 ? first : second, `guest${i}`, '<script>alert(1)</script>'),
      ),
    );
    for (const url of [first, second]) {
      const page = await (await fetch(url)).text();
      assert.equal(page.match(/<li><b>guest\d<\/b> &#60;script&#62;/g)?.length, 6, page);
      assert.doesNotMatch(page, /<script>/);
    }
  });

  it('job-queue: every job is done once, also when a worker dies in the middle of one', async () => {
    const P2POS_TOKEN = await tokenOf('job-queue');
    await using doomed = start('job-queue', ['work'], { P2POS_TOKEN, WORK_MS: '60000' });
    assert.equal((await run('job-queue', ['add', 'tea'], P2POS_TOKEN))[0], 0);
    const [, held] = await doomed.printed(/^started (jobs\S+)/m);
    doomed.process.kill('SIGKILL');
    await using one = start('job-queue', ['work'], { P2POS_TOKEN, WORK_MS: '20' });
    await using two = start('job-queue', ['work'], { P2POS_TOKEN, WORK_MS: '20' });
    const [code, added] = await run('job-queue', ['add', ...'abcdefgh'], P2POS_TOKEN);
    assert.equal(code, 0, added);
    const jobs = [
      held,
      ...added
        .trim()
        .split('\n')
        .map((line) => line.replace('added ', '')),
    ];
    await eventually(
      () => {
        const lines = `${one.output()}${two.output()}`.match(/^done \S+/gm) ?? [];
        assert.deepEqual(lines.toSorted(), jobs.map((job) => `done ${job}`).toSorted());
      },
      { timeoutMs: 20_000 },
    );
    const [, list] = await run('job-queue', ['list'], P2POS_TOKEN);
    assert.equal(list.match(/"state":"done"/g)?.length, 9, list);
    assert.match(list, /"result":"TEA"/);
  });

  it('live-dashboard: what a machine measures reaches the pages', async () => {
    const P2POS_TOKEN = await tokenOf('live-dashboard');
    await using shown = start('live-dashboard', ['show'], { P2POS_TOKEN });
    const [url] = await shown.printed(/http:\S+/);
    await using _ = start('live-dashboard', ['report', 'kitchen'], { P2POS_TOKEN, EVERY_MS: '50' });
    assert.match(await (await fetch(url)).text(), /EventSource/);
    const events = await fetch(`${url}/events`, { signal: AbortSignal.timeout(20_000) });
    let text = '';
    for await (const chunk of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (/kitchen\.load.*\n[\s\S]*kitchen\.load/.test(text) && text.includes('kitchen.freeMiB')) break;
    }
    assert.match(text, /^data: \{"topic":"metrics\.kitchen\.\w+","at":"\d{4}-[^"]+","value":[\d.]+\}$/m);
  });

  it('config-store: a change is in force at once, a bad one nowhere, two at once undo neither', async () => {
    const P2POS_TOKEN = await tokenOf('config-store');
    await using follower = start('config-store', ['follow'], { P2POS_TOKEN });
    await follower.printed(/"maxOrders":100/);
    const outcomes = await Promise.all([
      run('config-store', ['set', 'maxOrders', '20'], P2POS_TOKEN),
      run('config-store', ['set', 'banner', '"sale"'], P2POS_TOKEN),
    ]);
    assert.deepEqual(
      outcomes.map(([code]) => code),
      [0, 0],
      JSON.stringify(outcomes),
    );
    await follower.printed(/"maxOrders":20,"banner":"sale"/);
    const [code, told] = await run('config-store', ['set', 'maxOrders', '"many"'], P2POS_TOKEN);
    assert.deepEqual([code, told], [1, 'maxOrders must be a number\n']);
  });

  it('csv-import: a file that is imported twice is there once', async () => {
    const P2POS_TOKEN = await tokenOf('csv-import');
    const file = join(folder.path, 'people.csv');
    const rows = Array.from({ length: 1_200 }, (_, i) => `${i},"Name, ""${i}""\nof two lines",☕${i}\r`);
    writeFileSync(file, `id,"full ""name""",drink\n${rows.join('\n')}\n`);
    for (const _ of [1, 2])
      assert.deepEqual(await run('csv-import', [file, 'directory', 'people'], P2POS_TOKEN), [
        0,
        'read 1200 rows; people has 1200\n',
      ]);
    const found = await done(
      'sql',
      'query',
      'directory',
      "SELECT * FROM people WHERE id = '7'",
      '--app',
      'examples',
      '--json',
    );
    assert.deepEqual(JSON.parse(found), {
      columns: ['id', 'full "name"', 'drink'],
      rows: [['7', 'Name, "7"\nof two lines', '☕7']],
    });
    writeFileSync(file, 'a,b\n1,2,3\n');
    const [code, told] = await run('csv-import', [file, 'directory', 'broken'], P2POS_TOKEN);
    assert.deepEqual([code, told], [1, 'SyntaxError: row 1 has 3 fields, not 2\n']);
  });
});
