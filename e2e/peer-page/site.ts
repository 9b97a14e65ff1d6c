/** The page, bundled as applications bundle it, from a plain static server that knows nothing of the system. */
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';

const SOURCE = fileURLToPath(new URL('.', import.meta.url));
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

export interface Site extends AsyncDisposable {
  readonly url: string;
  /** Of all scripts, compressed. */
  readonly gzipBytes: number;
}

export async function openSite(): Promise<Site> {
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await createTempFolder());
  const outDir = join(folder.path, 'site');
  await build({
    configFile: false,
    logLevel: 'error',
    root: SOURCE,
    build: { outDir, emptyOutDir: true, target: 'es2022' },
  });
  const scripts = await readdir(join(outDir, 'assets'));
  const sizes = await Promise.all(
    scripts.map(async (name) => gzipSync(await readFile(join(outDir, 'assets', name))).length),
  );
  const server = createServer(({ url = '/' }, response) => {
    const path = normalize(url === '/' ? '/index.html' : url);
    response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
    createReadStream(join(outDir, path))
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  starting.defer(async () => {
    server.closeAllConnections();
    server.close();
  });
  const started = starting.move();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    gzipBytes: sizes.reduce((sum, size) => sum + size, 0),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
