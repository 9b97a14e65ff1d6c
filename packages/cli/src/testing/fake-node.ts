/** Stands in for a node's executable: says what a node says over its channel, and answers what `dev` asks over HTTP. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { peerIdFromPublicKey } from '@p2pos/protocol';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { home: { type: 'string' } } });
const home = values.home ?? '';
const peerFile = join(home, 'peer-id');

if (positionals[0] === 'identity') {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  writeFileSync(peerFile, peerIdFromPublicKey(raw));
  console.log(readFileSync(peerFile, 'utf8'));
} else {
  run();
}

function run(): void {
  const toml = readFileSync(join(home, 'node.toml'), 'utf8');
  if (toml.includes('broken')) {
    console.error(`error: CONFIG_INVALID: ${join(home, 'node.toml')}: broken is no key.`);
    process.exit(1);
  }
  const [, host, port] = /\[http\]\s*listen = "([^:]+):(\d+)"/.exec(toml) ?? [];
  const peerId = readFileSync(peerFile, 'utf8');
  const token = join(home, 'token');
  if (!existsSync(token))
    writeFileSync(token, `p2pos_${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  mkdirSync(join(home, 'data'), { recursive: true });
  const folder = dirname(home);
  const peers = readdirSync(folder).filter((name) => /^node\d+$/.test(name));
  const pushed = join(folder, 'pushed.cbor');
  const server = createServer(async (request, response) => {
    const answer = (body: unknown) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    };
    const chunks: Uint8Array[] = [];
    for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk);
    if (request.url === '/v1/network/status') {
      const state = existsSync(join(home, 'unhealthy')) ? 'degraded' : 'healthy';
      const members = peers.length;
      const times = { startedAt: '2026-01-01T00:00:00.000Z', uptimeMs: 0, clockOffsetMs: 0 };
      answer({
        systemId: 's',
        peerId,
        name: null,
        state,
        epoch: 1,
        members,
        online: members,
        connected: members,
        version: '0',
        addresses: [],
        ...times,
      });
    } else if (request.url === '/v1/members/snapshot' && request.method === 'GET') {
      response.setHeader('etag', '"00"');
      response.setHeader('content-type', 'application/cbor');
      response.end(readFileSync(existsSync(pushed) ? pushed : join(folder, 'system', 'first-snapshot.cbor')));
    } else if (request.url === '/v1/members/snapshot') {
      writeFileSync(pushed, Buffer.concat(chunks));
      answer({ result: 'applied', epoch: 2, hash: '00' });
    } else if (request.url === '/v1/session/link') {
      answer({ url: `http://${host}:${port}/session/abc`, expiresAt: '2026-01-01T00:00:00.000Z' });
    } else {
      response.statusCode = 404;
      answer({ code: 'ROUTE_NOT_FOUND', message: 'nothing here' });
    }
  });
  server.listen(Number(port), host, () => {
    process.send?.({ event: 'ready', http: `http://${host}:${port}`, p2p: [], peerId, pid: process.pid });
  });
  const order = join(home, 'order.json');
  // A test asks the supervisor through its node.
  const poll = setInterval(() => {
    if (existsSync(order)) {
      clearInterval(poll);
      process.send?.(JSON.parse(readFileSync(order, 'utf8')));
    }
  }, 50);
  process.on('message', (reply) => writeFileSync(join(home, 'reply.json'), JSON.stringify(reply)));
  process.once('SIGTERM', () => process.exit(0));
  process.once('disconnect', () => process.exit(0));
}
