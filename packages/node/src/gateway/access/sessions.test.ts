/** The page's session: a link that works once, a cookie that no script and no other site can use. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createSystemRandom } from '../../core/random/index.ts';
import { createTestDoor, TEST_PEER, type TestDoor } from '../../testing/http-door.ts';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createTempFolder } from '../../testing/temp-folder.ts';
import { createSessions } from './sessions.ts';

const NAME = `p2pos_${TEST_PEER}`;

async function newLink(door: TestDoor): Promise<{ readonly url: string; readonly expiresAt: string }> {
  const headers = { authorization: `Bearer ${door.token}` };
  const answer = await fetch(`${door.url}/v1/session/link`, { method: 'POST', headers });
  assert.equal(answer.status, 201);
  return (await answer.json()) as { url: string; expiresAt: string };
}

async function openSession(door: TestDoor): Promise<string> {
  const { url } = await newLink(door);
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

const as = (cookie: string, more: Record<string, string> = {}) => ({ headers: { cookie, ...more } });

describe('sessions', () => {
  it('a link is exchanged once for a strict, hidden, expiring cookie, and leads to the page', async () => {
    await using door = await createTestDoor();
    const { url } = await newLink(door);
    const first = await fetch(url);
    const cookie = first.headers.get('set-cookie') ?? '';
    assert.ok(cookie.startsWith(`${NAME}=`));
    assert.match(cookie, /; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    assert.match(await first.text(), /http-equiv="refresh" content="0; url=\/"/);
    assert.doesNotMatch(first.headers.get('content-security-policy') ?? '', /sandbox/);
    const second = await fetch(url);
    assert.equal(second.status, 410);
    assert.equal(second.headers.get('set-cookie'), null);
    assert.equal(((await second.json()) as { code: string }).code, 'SESSION_LINK_INVALID');
    const inBrowser = await fetch(url, { headers: { accept: 'text/html,*/*' } });
    assert.match(await inBrowser.text(), /<h1>This link was used already/);
  });

  it('looking at a link with HEAD does not spend it', async () => {
    await using door = await createTestDoor();
    const { url } = await newLink(door);
    assert.equal((await fetch(url, { method: 'HEAD' })).status, 405);
    assert.equal((await fetch(url)).status, 200);
  });

  it('a link ends after 60 s', async () => {
    const clock = createManualClock();
    await using door = await createTestDoor({ clock });
    const [early, late] = [await newLink(door), await newLink(door)];
    assert.equal(Date.parse(early.expiresAt) - clock.now(), 60_000);
    await clock.advance(59_999);
    assert.equal((await fetch(early.url)).status, 200);
    await clock.advance(2);
    assert.equal((await fetch(late.url)).status, 410);
  });

  it('a session ends after its time', async () => {
    const clock = createManualClock();
    await using door = await createTestDoor({ clock });
    const cookie = await openSession(door);
    await clock.advance(12 * 3_600_000 - 1);
    assert.equal((await fetch(`${door.url}/v1/kv`, as(cookie))).status, 200);
    await clock.advance(1);
    assert.equal((await fetch(`${door.url}/v1/kv`, as(cookie))).status, 401);
  });

  it('reads need the cookie only, writes also that our own page sends them', async () => {
    await using door = await createTestDoor();
    const cookie = await openSession(door);
    const put = (headers: Record<string, string>) =>
      fetch(`${door.url}/v1/kv/a`, { method: 'PUT', body: '1', ...as(cookie, headers) });
    assert.equal((await put({})).status, 403);
    assert.equal((await put({ origin: 'http://127.0.0.1:1' })).status, 403);
    assert.equal((await put({ origin: door.url })).status, 200);
    assert.equal((await fetch(`${door.url}/v1/kv/a`, as(cookie))).status, 200);
    assert.equal(
      (await fetch(`${door.url}/v1/kv/a`, as(cookie, { origin: 'http://evil.example' }))).status,
      403,
    );
  });

  it('a bad token is not saved by a good cookie', async () => {
    await using door = await createTestDoor();
    const cookie = await openSession(door);
    const answer = await fetch(`${door.url}/v1/kv`, as(cookie, { authorization: 'Bearer p2pos_wrong' }));
    assert.equal(answer.status, 401);
  });

  it('bad cookies count as none, a good one among them counts', async () => {
    await using door = await createTestDoor();
    const cookie = await openSession(door);
    const [name = '', value = ''] = cookie.split('=');
    const parts = value.split('.');
    const forged = [
      '',
      '=',
      ';;;',
      'no equals',
      `${name}=`,
      `${name}=${'x'.repeat(5_000)}`,
      `${name}=${Number(parts[0]) + 1}.${parts[1]}.${parts[2]}`,
      `${name}=${parts[0]}.${parts[1]}.${'A'.repeat(43)}`,
      `${name}x=${value}`,
      `other=${value}`,
      `${name}=${value.slice(0, -1)}`,
      `${name}=${value}=`,
    ];
    for (const bad of forged) {
      assert.equal((await fetch(`${door.url}/v1/kv`, as(bad))).status, 401, bad);
      const headers = { cookie: bad, authorization: `Bearer ${door.token}` };
      assert.equal((await fetch(`${door.url}/v1/kv`, { headers })).status, 200, bad);
    }
    assert.equal((await fetch(`${door.url}/v1/kv`, as(`a=b; ${name}=junk; ${cookie}; c`))).status, 200);
  });

  it('many nodes on one machine keep their sessions apart, a restarted one knows its own again', async () => {
    await using folder = await createTempFolder();
    const tokenFile = join(folder.path, 'token');
    let cookie: string;
    {
      await using first = await createTestDoor({ config: { tokenFile } });
      cookie = await openSession(first);
    }
    {
      await using restarted = await createTestDoor({ config: { tokenFile } });
      assert.equal((await fetch(`${restarted.url}/v1/kv`, as(cookie))).status, 200);
      await using other = await createTestDoor();
      assert.equal((await fetch(`${other.url}/v1/kv`, as(cookie))).status, 401);
    }
    await rm(tokenFile);
    await using renewed = await createTestDoor({ config: { tokenFile } });
    assert.equal((await fetch(`${renewed.url}/v1/kv`, as(cookie))).status, 401);
  });

  it('one secret under another peer id opens nothing', () => {
    const clock = createManualClock();
    const random = createSystemRandom();
    const config = { linkTtlMs: 60_000, sessionTtlMs: 60_000 };
    const one = createSessions({ clock, random, peerId: 'one', secret: 's' }, config);
    const two = createSessions({ clock, random, peerId: 'two', secret: 's' }, config);
    const cookie = one.exchange(one.createLink().secret)?.split(';')[0] ?? '';
    assert.equal(one.isOpen(cookie), true);
    assert.equal(two.isOpen(cookie.replace('p2pos_one', 'p2pos_two')), false);
  });

  it('keeps 64 links, the newest', () => {
    const deps = { clock: createManualClock(), random: createSystemRandom(), peerId: 'p', secret: 's' };
    const sessions = createSessions(deps, { linkTtlMs: 60_000, sessionTtlMs: 60_000 });
    const links = Array.from({ length: 65 }, () => sessions.createLink().secret);
    assert.equal(sessions.exchange(links[0] as string), undefined);
    assert.ok(sessions.exchange(links[1] as string));
    assert.ok(sessions.exchange(links[64] as string));
  });

  it('the page opens with a session; without one it says how to get it', async () => {
    await using folder = await createTempFolder();
    await writeFile(join(folder.path, 'index.html'), '<h1>all nodes</h1>');
    await using door = await createTestDoor({ config: { pageFolder: folder.path } });
    const shut = await fetch(door.url);
    assert.equal(shut.status, 401);
    assert.match(await shut.text(), /p2pctl open/);
    const open = await fetch(door.url, as(await openSession(door)));
    assert.equal(open.status, 200);
    assert.equal(await open.text(), '<h1>all nodes</h1>');
  });
});
