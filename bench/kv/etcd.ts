/** A three-node etcd on this machine, from the distribution's package, and a lean gRPC client for its KV service. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface EtcdCluster extends AsyncDisposable {
  readonly version: string;
  /** Client URLs, `http://127.0.0.1:port`. */
  readonly urls: readonly string[];
  pids(): number[];
  /** `kill -9`. */
  kill(index: number): void;
}

/** `etcd Version: 3.4.23`, or undefined where etcd is not installed. */
export function etcdVersion(): string | undefined {
  const result = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.split('\n')[0]?.replace('etcd Version: ', '').trim() : undefined;
}

/** Defaults throughout: every put is acknowledged when a majority has fsynced it to its log. */
export async function startEtcd(size: number): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'p2pos-bench-etcd-'));
  const ports = await freePorts(2 * size);
  const members = Array.from({ length: size }, (_, i) => ({
    name: `etcd${i}`,
    client: `http://127.0.0.1:${ports[2 * i]}`,
    peer: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }));
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const children: ChildProcess[] = members.map(({ name, client, peer }) =>
    spawn(
      'etcd',
      [
        '--name',
        name,
        '--data-dir',
        join(folder, name),
        '--listen-client-urls',
        client,
        '--advertise-client-urls',
        client,
      ]
        .concat([
          '--listen-peer-urls',
          peer,
          '--initial-advertise-peer-urls',
          peer,
          '--initial-cluster',
          cluster,
        ])
        .concat(['--initial-cluster-state', 'new', '--log-level', 'error']),
      { stdio: 'ignore' },
    ),
  );
  const urls = members.map(({ client }) => client);
  await Promise.all(urls.map(waitUntilServing));
  return {
    version: etcdVersion() ?? 'unknown',
    urls,
    pids: () => children.map(({ pid }) => pid ?? 0),
    kill: (index) => void children[index]?.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      await Promise.all(
        children.map((child) => {
          if (child.exitCode !== null || child.signalCode !== null) return undefined;
          const ended = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          return ended;
        }),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitUntilServing(url: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (performance.now() < end) {
    const client = createEtcdClient(url);
    try {
      await client.put(Buffer.from('ready'), Buffer.from('1'));
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      client.close();
    }
  }
  throw new Error(`etcd at ${url} did not serve within 20 s`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return typeof address === 'object' && address ? address.port : 0;
    }),
  );
}

export interface EtcdClient {
  put(key: Uint8Array, value: Uint8Array): Promise<void>;
  /** Resolves to the answer's bytes. `serializable` reads the asked node alone; default is linearizable. */
  get(key: Uint8Array, options?: { readonly serializable?: boolean }): Promise<Uint8Array>;
  /** Puts if the key was last changed in that revision (0: never); the new revision, or undefined. */
  compareAndSet(key: Uint8Array, value: Uint8Array, revision: number): Promise<number | undefined>;
  close(): void;
}

/**
 * Unary gRPC over one HTTP/2 connection with hand-made protobuf: less work per call than a general client, so that
 * the figures are etcd's rather than the client's.
 */
export function createEtcdClient(url: string): EtcdClient {
  const session = connect(url);
  let failed: Error | undefined;
  session.on('error', (error) => {
    failed = error;
  });
  return {
    async put(key, value) {
      await unary(session, '/etcdserverpb.KV/Put', [field(1, key), field(2, value)], () => failed);
    },
    get: (key, { serializable = false } = {}) =>
      unary(
        session,
        '/etcdserverpb.KV/Range',
        [field(1, key), serializable ? Buffer.from([7 << 3, 1]) : NOTHING],
        () => failed,
      ),
    async compareAndSet(key, value, revision) {
      // Compare {target = MOD, key, mod_revision}, equality being the default; success {request_put}.
      const compare = Buffer.concat([number(2, 2), field(3, key), number(6, revision)]);
      const put = field(2, Buffer.concat([field(1, key), field(2, value)]));
      const answer = await unary(
        session,
        '/etcdserverpb.KV/Txn',
        [field(1, compare), field(2, put)],
        () => failed,
      );
      const fields = fieldsOf(answer);
      if (fields.get(2) !== 1) return undefined;
      return fieldsOf(fields.get(1) as Uint8Array).get(3) as number;
    },
    close: () => session.destroy(),
  };
}

const NOTHING = Buffer.alloc(0);

/** Length-delimited protobuf field. */
function field(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
}

/** Varint protobuf field. */
function number(field: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([field << 3]), varint(value)]);
}

/** Top-level fields of a message, the last of each number. */
function fieldsOf(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const read = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = read();
    const value = read();
    if ((tag & 7) === 2) at += value;
    fields.set(tag >> 3, (tag & 7) === 2 ? bytes.subarray(at - value, at) : value);
  }
  return fields;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function unary(
  session: ClientHttp2Session,
  path: string,
  fields: readonly Buffer[],
  failure: () => Error | undefined,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const body = Buffer.concat(fields);
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(body.length, 1);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status = '';
    const note = (headers: Record<string, unknown>) => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => reject(failure() ?? error));
    stream.on('end', () => {
      if (status === '0') resolve(Buffer.concat(chunks).subarray(5));
      else reject(new Error(`grpc-status ${status || 'missing'}`));
    });
    stream.end(Buffer.concat([frame, body]));
  });
}
