/**
 * The container image and the Compose file, as far as they can be checked without building the image (e2e/long/image.test.ts does): what they copy is
 * all that a node needs, and the ports, paths and words in them are those of the program.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { homeFrom, loadConfig } from '../packages/node/src/config/index.ts';
import { createTempFolder } from '../packages/node/src/testing/temp-folder.ts';
import { CLONE } from './harness.ts';

const read = (name: string) => readFileSync(join(CLONE, name), 'utf8');
const containerfile = read('deploy/Containerfile');
const compose = read('deploy/compose.yaml');

/** Arguments of each line that begins with the word. */
const linesOf = (word: string) =>
  [...containerfile.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map(([, rest = '']) => rest);
const exposed = new Set(linesOf('EXPOSE').flatMap((line) => line.split(' ')));

async function defaults() {
  await using empty = await createTempFolder();
  return loadConfig({ home: empty.path, env: {} }).config;
}

test('what the image copies from here is there, and is all that a node needs to start', async () => {
  const copied = linesOf('COPY')
    .filter((line) => !line.startsWith('--from='))
    .flatMap((line) => line.split(' ').slice(0, -1));
  assert.ok(copied.includes('packages'));
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  for (const pattern of workspaces)
    assert.ok(
      copied.some((name) => pattern.startsWith(`${name}/`)),
      pattern,
    );

  await using image = await createTempFolder();
  for (const name of copied) {
    assert.ok(existsSync(join(CLONE, name)), `${name} is not there`);
    const filter = (file: string) => basename(file) !== 'node_modules';
    cpSync(join(CLONE, name), join(image.path, name), { recursive: true, filter });
  }
  symlinkSync(join(CLONE, 'node_modules'), join(image.path, 'node_modules'));
  for (const [, script = ''] of containerfile.matchAll(/\bnode (scripts\/\S+)/g))
    assert.ok(existsSync(join(image.path, script)), script);

  const [entry = '[]'] = linesOf('ENTRYPOINT');
  const [program, ...words] = (JSON.parse(entry) as string[]).map((word) =>
    word.replace('/opt/p2pos', image.path),
  );
  assert.equal(program, 'node');
  const started = spawnSync(process.execPath, [...words, '--version'], { encoding: 'utf8' });
  assert.equal(started.status, 0, started.stderr);
  const { version } = JSON.parse(read('packages/node/package.json')) as { version: string };
  assert.equal(started.stdout.trim(), version);
  assert.deepEqual(JSON.parse(linesOf('CMD').find((line) => line.startsWith('[')) ?? ''), ['run']);
  const major = Number(/node:(\d+)-/.exec(linesOf('FROM').at(-1) ?? '')?.[1]);
  assert.ok(major >= 24, 'the program runs unbuilt from Node 24 on');
});

test('the image opens the ports that a node listens on, keeps to itself those of this machine, and asks its door for health', async () => {
  const { net, http } = await defaults();
  const wanted = net.listen.flatMap((address) => {
    const [, transport, port] = /\/(tcp|udp)\/(\d+)/.exec(address) ?? [];
    return port === '0' ? [] : [`${port}/${transport}`];
  });
  assert.deepEqual([...exposed].sort(), [...new Set(wanted)].sort());
  const door = `http://${http.listen.host}:${http.listen.port}/v1/health`;
  assert.ok(containerfile.includes(`fetch('${door}')`), door);
  assert.ok(![...exposed].some((port) => port.startsWith(`${http.listen.port}/`)));
});

test('the home of the image is its volume, that of its user, and where Compose puts the homes', () => {
  const [environment = ''] = linesOf('ENV');
  const home = /P2POS_HOME=(\S+)/.exec(environment)?.[1];
  assert.equal(homeFrom(undefined, { P2POS_HOME: home }), home);
  assert.deepEqual(linesOf('VOLUME'), [home]);
  assert.match(containerfile, new RegExp(`--home-dir ${home} .*mkdir ${home} && chown`));
  assert.ok(Number(linesOf('USER').at(-1)) > 0, 'not root');

  const mounts = [...compose.matchAll(/volumes: \["\.\/homes\/(\w+):([^"]+)"\]/g)];
  const services = [...compose.matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name);
  assert.deepEqual(
    mounts.map(([, name, target]) => [name, target]),
    services.map((name) => [name, home]),
  );
  for (const [, outside, inside, transport] of compose.matchAll(/"(\d+):(\d+)\/(tcp|udp)"/g)) {
    assert.equal(outside, inside, 'what a node announces is where it is reached');
    assert.ok(exposed.has(`${inside}/${transport}`), `${inside}/${transport}`);
  }
  const [, context = '', file = ''] = /context: (\S+), dockerfile: (\S+) }/.exec(compose) ?? [];
  assert.ok(existsSync(join(CLONE, 'deploy', context, file)));
});

const composer = [['docker', 'compose'], ['docker-compose']].find(
  ([program = '', ...words]) => spawnSync(program, [...words, 'version']).status === 0,
);

test('the Compose file is what Compose takes, and each node is as shut in as the unit makes it', {
  skip: !composer && 'needs docker compose (Debian: docker-compose)',
}, () => {
  const [program = '', ...words] = composer ?? [];
  const { status, stdout, stderr } = spawnSync(
    program,
    [...words, '-f', join(CLONE, 'deploy/compose.yaml'), 'config'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  // As Compose understood it, merges and short forms resolved.
  const { services } = parse(stdout) as { services: Record<string, Record<string, unknown>> };
  assert.deepEqual(Object.keys(services), ['node0', 'node1', 'node2']);
  for (const [name, service] of Object.entries(services)) {
    assert.equal(service['image'], 'p2pos', name);
    assert.equal(service['read_only'], true, name);
    assert.deepEqual(service['cap_drop'], ['ALL'], name);
    assert.deepEqual(service['security_opt'], ['no-new-privileges:true'], name);
    assert.equal(service['restart'], 'unless-stopped', name);
    assert.match(String(service['stop_grace_period']), /^40s$/, 'a node has 20 s to undo and flush');
    assert.match(JSON.stringify(service['build']), /deploy\/Containerfile/, name);
  }
  const broken = spawnSync(program, [...words, '-f', '-', 'config'], {
    encoding: 'utf8',
    input: compose.replace('read_only: true', 'read_onli: true'),
  });
  assert.notEqual(broken.status, 0, 'Compose checks the names of settings');
});
