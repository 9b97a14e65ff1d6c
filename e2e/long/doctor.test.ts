/** Each trouble of the guide, made on purpose: the doctor names its cause. And settings that are read again. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';
import { type FoundedSystem, foundSystem } from '../founded.ts';
import { CLONE } from '../harness.ts';

const NODE_MAIN = join(CLONE, 'packages/node/bin/p2pos-node.mjs');

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly text: string;
  readonly try?: string;
}

async function doctor(system: FoundedSystem, index: number, ...more: string[]) {
  const { code, stdout, stderr } = await system.at(index, 'doctor', '--json', ...more);
  assert.ok(stdout.length > 0, stderr);
  const findings = JSON.parse(stdout).findings as Finding[];
  assert.equal(code, findings.every(({ ok }) => ok) ? 0 : 1);
  for (const { ok, try: next } of findings) if (!ok) assert.ok(next, 'what is wrong has a next step');
  const wrong = (check: string) =>
    findings
      .filter((one) => one.check === check && !one.ok)
      .map(({ text }) => text)
      .join('\n');
  return { code, findings, wrong };
}

test('a healthy system has nothing; lost messages, a database whose holder is away and memory are named', {
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({
    nodes: 3,
    start: { env: { P2POS_NODE_MEMORY_WARN_BYTES: '8GiB' } },
  });
  await eventually(async () => {
    const { code, findings } = await doctor(system, 0);
    assert.equal(code, 0, JSON.stringify(findings.filter(({ ok }) => !ok)));
  });

  // A subscriber that does not read while more comes than is kept for it, here and there.
  await using slow = system.client(0);
  await using publisher = system.client(1);
  const stopped = new AbortController();
  const messages = slow.pubsub.subscribe('news.>', { signal: stopped.signal })[Symbol.asyncIterator]();
  const first = messages.next();
  first.catch(() => {});
  await eventually(async () => assert.ok((await publisher.pubsub.publish('news.a', 'x')).subscribers > 0));
  await first;
  const large = new Uint8Array(900_000);
  for (let i = 0; i < 80; i++) await publisher.pubsub.publish('news.a', large);
  for (let told = false; !told; ) {
    const { value } = await messages.next();
    told = value.type === 'gap' || value.type === 'missed';
  }
  assert.match((await doctor(system, 0)).wrong('messages'), /missed \d+ messages/);
  stopped.abort();

  await using creator = system.client(2);
  await creator.sql.create('orders', { engine: 'sqlite' });
  const status = await creator.sql('orders').status();
  const holder = system.nodes.findIndex(({ peerId }) => peerId === status.holders[0]?.peerId);
  const asked = holder === 0 ? 1 : 0;
  assert.equal((await doctor(system, asked)).wrong('sql'), '');
  await system.stop(holder);
  await eventually(
    async () => {
      const { wrong } = await doctor(system, asked);
      assert.match(wrong('sql'), new RegExp(`database orders .*node${holder}`));
    },
    { timeoutMs: 60_000 },
  );
  await system.start(holder, { env: { P2POS_NODE_MEMORY_WARN_BYTES: '64MiB' } });
  await eventually(async () =>
    assert.match((await doctor(system, holder)).wrong('memory'), /takes \d+ MiB, more than/),
  );
});

test('bootstrap fails for a wrong name, a closed port, a stranger behind the port: each is named', {
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({ nodes: 1 });
  const lonely = await system.prepare();
  const file = join(lonely.home, 'node.toml');
  const text = readFileSync(file, 'utf8');
  const stranger = system.nodes[0]?.http.replace('http://127.0.0.1:', '') ?? '';
  const causes: [string, RegExp][] = [
    ['/dns4/no-such-name.invalid/tcp/4100', /wrong DNS, the name no-such-name\.invalid/],
    ['/ip4/127.0.0.1/tcp/1', /closed port, nothing listens on 127\.0\.0\.1:1/],
    [`/ip4/127.0.0.1/tcp/${stranger}`, /answers: what listens there is no node of this system/],
  ];
  writeFileSync(
    file,
    text.replace(
      /init_connections = \[[^\]]*\]/,
      `init_connections = ${JSON.stringify(causes.map(([address]) => address))}`,
    ),
  );
  await system.start(1);
  await eventually(async () => {
    const { wrong } = await doctor(system, 1);
    for (const [, cause] of causes) assert.match(wrong('bootstrap'), cause);
    assert.match(wrong('membership'), /not in the membership/);
  });
  await system.stop(1);
  const { wrong } = await doctor(system, 1);
  assert.match(wrong('door'), /No node answers/);
});

test('a clock ten minutes off is told by the node that has it', { timeout: 240_000 }, async () => {
  await using folder = await createTempFolder();
  const shift = join(folder.path, 'shift.mjs');
  writeFileSync(shift, 'const now = Date.now; Date.now = () => now() - 10 * 60_000;\n');
  await using system = await foundSystem({ nodes: 3 });
  await system.stop(2);
  const home = system.nodes[2]?.home ?? '';
  await system.start(2, {
    command: ['--disable-warning=ExperimentalWarning', '--import', shift, NODE_MAIN, 'run', '--home', home],
  });
  await eventually(
    async () => assert.match((await doctor(system, 2)).wrong('clock'), /Set this machine's clock/),
    { timeoutMs: 60_000 },
  );
});

test('wrong DNS records and an announced port that is closed are named, right ones pass', {
  timeout: 240_000,
}, async () => {
  await using system = await foundSystem({ nodes: 1 });
  const [node] = system.nodes;
  const port = Number(/tcp\/(\d+)/.exec(node?.p2p ?? '')?.[1]);
  const records = { text: [] as string[] };
  await using server = await startDns(() => records.text);
  const look = () => doctor(system, 0, '--domain', 'acme.example', '--dns-server', server.address);
  const good = `dnsaddr=/ip4/127.0.0.1/tcp/${port}/p2p/${node?.peerId}`;
  assert.match((await look()).wrong('dns'), /has no dnsaddr records/);
  records.text = [good.replace(String(port), '4999')];
  assert.match((await look()).wrong('dns'), /which it is not/);
  records.text = [
    `dnsaddr=/ip4/127.0.0.1/tcp/${port}/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5`,
  ];
  assert.match((await look()).wrong('dns'), /not this node/);
  records.text = [good];
  assert.equal((await look()).wrong('dns'), '');

  const file = join(node?.home ?? '', 'node.toml');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('[net]', '[net]\nannounce = ["/ip4/127.0.0.1/tcp/2"]'),
  );
  const { stdout } = await system.at(0, 'config', 'reload', '--json');
  assert.deepEqual(JSON.parse(stdout), { applied: [], needsRestart: ['net.announce'] });
  assert.match((await look()).wrong('port'), /closed port: nothing listens on 127\.0\.0\.1:2/);
});

test('T10: settings are read again by config reload and by SIGHUP; a mistake is refused with its line', {
  timeout: 300_000,
}, async () => {
  await using system = await foundSystem({
    nodes: 1,
    start: ({ home }) => ({
      command: ['--disable-warning=ExperimentalWarning', NODE_MAIN, 'run', '--home', home],
    }),
  });
  const [node] = system.nodes;
  const file = join(node?.home ?? '', 'node.toml');
  const text = readFileSync(file, 'utf8');
  const port = new URL(node?.http ?? '').port;
  const { request } = await import('node:http');
  const status = () =>
    new Promise<number>((resolve, reject) => {
      const options = { port, host: '127.0.0.1', path: '/v1/health', headers: { host: 'node.example' } };
      request(options, (response) => resolve(response.resume().statusCode ?? 0))
        .on('error', reject)
        .end();
    });
  assert.equal(await status(), 403);
  writeFileSync(file, text.replace('[http]', '[http]\nallowed_hosts = ["node.example"]'));
  const reloaded = await system.at(0, 'config', 'reload');
  assert.equal(reloaded.stdout.trim(), 'in force now: http.allowed_hosts');
  assert.equal(await status(), 200);
  writeFileSync(file, `${text}\n[log]\nlevel = "loud"\n`);
  const refused = await system.at(0, 'config', 'reload', '--json');
  assert.match(JSON.parse(refused.stderr).error.message, /node\.toml:\d+: log\.level is "loud"/);
  assert.equal(await status(), 200, 'nothing changed');
  writeFileSync(file, text);
  system.process(0).kill('SIGHUP');
  await eventually(async () => assert.equal(await status(), 403));
  assert.match(system.output(0), /action=config_reload why=SIGHUP applied=/);
});

/** Answers every TXT question with the texts; RFC 1035 §4. */
async function startDns(texts: () => readonly string[]) {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    let end = 12;
    while (message[end] !== 0) end += (message[end] ?? 0) + 1;
    const question = message.subarray(12, end + 5);
    const answers = texts().map((text) => {
      const data = Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
      const head = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1, 0, data.length]);
      return Buffer.concat([head, data]);
    });
    const flags = answers.length > 0 ? 0x8180 : 0x8183;
    const header = Buffer.alloc(12);
    message.copy(header, 0, 0, 2);
    header.writeUInt16BE(flags, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers.length, 6);
    socket.send(Buffer.concat([header, question, ...answers]), port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}
