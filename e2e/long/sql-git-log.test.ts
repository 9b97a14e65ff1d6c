/** Real input: this clone's own history as CSV, counted by day from every node, live, while voters are killed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@p2pos/sdk';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { CLONE, startDev } from '../harness.ts';

interface Commit {
  readonly hash: string;
  readonly day: string;
  readonly subject: string;
}

function history(): Commit[] {
  try {
    const text = execFileSync('git', ['log', '--format=%H%x09%as%x09%s'], {
      cwd: CLONE,
      encoding: 'utf8',
      maxBuffer: 64 * 1_048_576,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [hash = '', day = '', ...subject] = line.split('\t');
        return { hash, day, subject: subject.join('\t') };
      });
  } catch {
    return [];
  }
}

const commits = history();
const csvOf = (part: readonly Commit[]) =>
  [
    'hash,day,subject',
    ...part.map(({ hash, day, subject }) => `${hash},${day},"${subject.replaceAll('"', '""')}"`),
  ].join('\n');

test('the history of this clone is counted by day from every node, live, while voters are killed', {
  timeout: 300_000,
  skip: commits.length === 0 && 'needs a git clone',
}, async (t) => {
  await using dev = await startDev({ nodes: 5 });
  await using folder = await createTempFolder();
  await using operator = dev.client(0);
  await operator.apps.put('history');
  const { token } = await operator.apps.tokens.create('history', { grants: ['sql:*'] });
  const urls = dev.nodes().map(({ http }) => http);
  await using client = connect({ url: urls, token });
  await client.sql.create('log', { engine: 'rqlite', voters: 3 });
  const db = client.sql('log');
  await db.execute('CREATE TABLE commits (hash TEXT PRIMARY KEY, day TEXT NOT NULL, subject TEXT NOT NULL)');

  const wanted = new Map<string, number>();
  for (const { day } of commits) wanted.set(day, (wanted.get(day) ?? 0) + 1);
  const end = new AbortController();
  using stack = new DisposableStack();
  stack.defer(() => end.abort());
  const seen = urls.map(() => new Map<unknown, unknown>());
  const following = urls.map(async (_, at) => {
    await using own = connect({ url: [...urls.slice(at), ...urls.slice(0, at)], token });
    const query = 'SELECT day, count(*) AS n FROM commits GROUP BY day';
    for await (const event of own.sql('log').live(query, { key: ['day'], signal: end.signal })) {
      const days = seen[at] as Map<unknown, unknown>;
      if (event.type !== 'change') days.clear();
      for (const [day, n] of event.type === 'change' ? event.upserts : event.rows) days.set(day, n);
    }
  });
  const broken = Promise.all(following).then(() => new Promise<never>(() => {}));
  broken.catch(() => {});

  const voters = (await db.status()).holders.map(({ peerId }) =>
    dev.nodes().findIndex((node) => node.peerId === peerId),
  );
  const pieces = 6;
  const size = Math.ceil(commits.length / pieces);
  for (let piece = 0; piece < pieces; piece++) {
    const file = join(folder.path, `${piece}.csv`);
    await writeFile(file, csvOf(commits.slice(piece * size, (piece + 1) * size)));
    const victim = voters[piece % voters.length] as number;
    const asked = (victim + 1) % 5;
    if (piece > 0) dev.kill(victim);
    const words = ['sql', 'import', 'log', 'commits', file, '--node', String(asked), '--app', 'history'];
    // An import that was cut off may be done in part: what is there already is known by its hash.
    await eventually(
      async () => {
        const { code, stderr } = await dev.p2pctl(...words);
        assert.ok(code === 0 || /SQL_CONSTRAINT/.test(stderr), stderr);
      },
      { timeoutMs: 40_000, everyMs: 500 },
    );
    await eventually(async () => dev.nodes().every(({ pid }) => pid !== null), { timeoutMs: 30_000 });
  }
  const whole = eventually(
    () => {
      for (const days of seen) assert.deepEqual(days, wanted);
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
  await Promise.race([whole, broken]);
  for (const at of urls.keys()) {
    await using own = connect({ url: urls[at] as string, token });
    const count = 'SELECT day, count(*) AS n FROM commits GROUP BY day';
    // The one that was killed last may be starting still.
    await eventually(
      async () => {
        const rows = await own.sql('log').query(count, [], { consistency: 'linearizable' });
        assert.deepEqual(new Map(rows.map(({ day, n }) => [day, n])), wanted, `node ${at}`);
      },
      { timeoutMs: 30_000 },
    );
  }
  t.diagnostic(
    `${commits.length} commits on ${wanted.size} day(s), five nodes live, ${pieces - 1} voters killed`,
  );
  end.abort();
  await Promise.allSettled(following);
});
