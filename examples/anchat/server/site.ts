/**
 * The page of anchat and the way from it to the nodes: a node answers pages of its own only, so each node has a path here,
 * `/node/0`, `/node/1`, …, that passes calls and sockets on. Which one to use is for the page's SDK to say.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Duplex } from 'node:stream';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
/** Of a request, what is the browser's own business and not the node's. */
const PRIVATE = /^(host|origin|referer|cookie|sec-fetch-.*)$/;

export interface SiteConfig {
  /** Nodes, `http://…`. */
  readonly urls: readonly string[];
  /** Of the app; the page gets it. */
  readonly token: string;
  readonly port: number;
  /** Whether the page offers a wallet of its own, for development. */
  readonly testWallet: boolean;
  /** Where the bundle lies: `buildPage`. */
  readonly folder: string;
  /** Names under which the page may be asked for. Default: this machine's. */
  readonly hosts?: readonly string[];
}

export interface Site extends AsyncDisposable {
  readonly url: string;
}

export async function listenSite(config: SiteConfig): Promise<Site> {
  const { urls, token, port, testWallet, folder, hosts = ['127.0.0.1', 'localhost'] } = config;
  const sockets = new Set<Duplex>();

  /** A foreign name that leads here would let a foreign page read all (DNS rebinding). */
  const isOurs = ({ headers }: IncomingMessage) => hosts.includes((headers.host ?? '').replace(/:\d+$/, ''));

  function onward({ method, url = '', headers }: IncomingMessage) {
    const [, index, path] = /^\/node\/(\d+)(\/v1\/.*)$/.exec(url) ?? [];
    const node = urls[Number(index)];
    if (node === undefined || path === undefined) return undefined;
    const kept = Object.entries(headers).filter(([name]) => !PRIVATE.test(name));
    return request(`${node}${path}`, { method, headers: Object.fromEntries(kept) });
  }

  const server = createServer(async (asked, answer) => {
    if (!isOurs(asked)) return answer.writeHead(421).end();
    const passed = onward(asked);
    if (passed) {
      // No answer of ours in its place: the page must see that the node is gone.
      passed.on('error', () => answer.destroy());
      passed.on('response', (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.pipe(answer);
      });
      answer.on('close', () => passed.destroy());
      return asked.pipe(passed);
    }
    const path = asked.url === '/' ? '/index.html' : (asked.url ?? '');
    if (path === '/settings.json')
      return answer
        .writeHead(200, { ...HEADERS, 'content-type': 'application/json' })
        .end(JSON.stringify({ nodes: urls.length, token, testWallet }));
    if (!/^\/(assets\/)?[\w-]+\.(html|js|css|svg)$/.test(path)) return answer.writeHead(404, HEADERS).end();
    try {
      const bytes = await readFile(join(folder, path));
      answer.writeHead(200, { ...HEADERS, 'content-type': TYPES[extname(path)] }).end(bytes);
    } catch {
      answer.writeHead(404, HEADERS).end();
    }
  });

  server.on('upgrade', (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    // No foreign page may use the sockets of ours.
    const isOwnPage = asked.headers.origin === `http://${asked.headers.host}`;
    const passed = isOurs(asked) && isOwnPage ? onward(asked) : undefined;
    if (!passed) return void socket.destroy();
    passed.on('error', () => socket.destroy());
    passed.on('response', () => socket.destroy());
    passed.on('upgrade', (got, other, more) => {
      other.on('error', () => socket.destroy());
      other.on('close', () => socket.destroy());
      socket.on('close', () => other.destroy());
      const lines = got.rawHeaders.flatMap((name, i, all) => (i % 2 === 0 ? [`${name}: ${all[i + 1]}`] : []));
      socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'));
      socket.write(more);
      if (head.length > 0) other.write(head);
      other.pipe(socket).pipe(other);
    });
    passed.end();
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
