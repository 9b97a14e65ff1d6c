/** Agreed changes and locks through real processes: HTTP, the client and the command line, and a node that is killed. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect } from '@p2pos/sdk';
import { type DevSystem, p2pctl, startDev } from './harness.ts';

describe('kv.cas of a system of three nodes', () => {
  let system: DevSystem;
  before(async () => {
    system = await startDev();
  });
  after(() => system[Symbol.asyncDispose]());

  it('HTTP: if-none-match creates once, if-match changes what was seen', async () => {
    const url = (index: number) => `${system.node(index).http}/v1/kv/http?cas=1`;
    const put = (index: number, headers: Record<string, string>) =>
      fetch(url(index), {
        method: 'PUT',
        body: 'v',
        headers: { authorization: `Bearer ${system.token(index)}`, ...headers },
      });
    const created = await put(0, { 'if-none-match': '*' });
    assert.equal(created.status, 200);
    const { version } = (await created.json()) as { version: string };
    const again = await put(1, { 'if-none-match': '*' });
    assert.equal(again.status, 412);
    const refusal = (await again.json()) as { code: string; details: { version: string } };
    assert.deepEqual([refusal.code, refusal.details.version], ['CAS_CONDITION_FAILED', version]);
    assert.equal((await put(2, { 'if-match': `"${version}"` })).status, 200);
    assert.equal((await put(2, { 'if-match': `"${version}"` })).status, 412);
  });

  it('clients of all nodes count together and lose no count, while a node is killed', async () => {
    const count = async (index: number, to: number) => {
      await using client = system.client(index);
      for (let done = 0; done < to; ) {
        const seen = await client.kv.cas.get('n');
        const next = String(Number(seen?.text() ?? 0) + 1);
        try {
          await client.kv.cas.compareAndSet('n', next, seen?.version ?? null);
          done++;
        } catch (error) {
          if ((error as { code?: string }).code !== 'CAS_CONDITION_FAILED') throw error;
        }
      }
    };
    await Promise.all([count(0, 10), count(1, 10), count(2, 10)]);
    system.kill(2);
    await Promise.all([count(0, 5), count(1, 5)]);
    await using client = system.client(1);
    assert.equal((await client.kv.cas.get('n'))?.text(), '40');
  });

  it('a lock excludes, and its token grows', async () => {
    await using one = system.client(0);
    await using other = system.client(1);
    const first = await one.kv.cas.lock('job', { ttlMs: 5_000 });
    assert.ok(first);
    assert.equal(await other.kv.cas.lock('job'), undefined);
    const waiting = other.kv.cas.lock('job', { waitMs: 20_000 });
    await first[Symbol.asyncDispose]();
    assert.ok(first.lost.aborted);
    await using second = await waiting;
    assert.ok(second && second.token > first.token);
  });

  it('p2pctl: conditions, versions, and a command under a lock', async () => {
    assert.equal((await system.p2pctl('kv', 'put', 'c', 'one', '--cas', '--if-absent')).code, 0);
    const refused = await system.p2pctl('kv', 'put', 'c', 'two', '--cas', '--if-absent');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /condition does not hold/i);
    const got = JSON.parse((await system.p2pctl('kv', 'get', 'c', '--cas', '--json')).stdout);
    assert.equal((await system.p2pctl('kv', 'put', 'c', '2', '--cas', '--if-version', got.version)).code, 0);
    assert.match((await system.p2pctl('kv', 'list', '--cas')).stdout, /^c$/m);
    assert.equal((await system.p2pctl('kv', 'delete', 'c', '--cas')).code, 0);
    assert.equal((await system.p2pctl('kv', 'put', 'c', 'x', '--if-absent')).code, 2);
    const lock = (...words: string[]) => p2pctl('--home', system.home, 'kv', 'lock', 'l', ...words);
    const print = 'process.stdout.write("token " + process.env.P2POS_LOCK_TOKEN)';
    const locked = await lock('--', process.execPath, '-e', print);
    assert.deepEqual([locked.code, locked.stdout.trim()], [0, 'token 1']);
    const failed = await lock('--', process.execPath, '-e', 'process.exit(7)');
    assert.equal(failed.code, 7);
    assert.match(failed.stderr, /ended with 7/);
  });

  it('clients leave a node that takes calls and answers none, and keep their locks', async () => {
    assert.equal((await system.p2pctl('apps', 'create', 'silent')).code, 0);
    const token = (await system.p2pctl('apps', 'tokens', 'create', 'silent', 'kv:*')).stdout.trim();
    const url = system.nodes().map(({ http }) => http);
    const { pid } = system.node(0);
    assert.ok(pid !== null);
    for (const transport of ['socket', 'http'] as const) {
      await using client = connect({ url, token, transport });
      await using lock = await client.kv.cas.lock('l', { ttlMs: 12_000 });
      assert.ok(lock);
      process.kill(pid, 'SIGSTOP');
      try {
        await client.kv.put(transport, 'x', { timeoutMs: 8_000 });
        await client.kv.get(transport, { timeoutMs: 3_000 });
        assert.equal(lock.lost.aborted, false);
        await using other = await client.kv.cas.lock('other', { ttlMs: 12_000 });
        assert.ok(other);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    }
  });
});
