/**
 * The page's files, from one folder known at the start: what is not listed there is not served, so no name leads out
 * of it. `scripts/page.mjs` builds them.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** Only what the page itself brings: no inline script or style, no frame, no foreign request. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

interface Asset {
  readonly contentType: string;
  readonly body: Uint8Array;
}

export interface Page {
  /** URL paths that exist, without the leading slash: `style.css`, `assets/main.js`. */
  readonly paths: readonly string[];
  read(path: string): Promise<Asset>;
}

/** A folder that is not there, since the page was never built, is a page without files. */
export async function openPage(folder: string): Promise<Page> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const paths = entries
    .filter((entry) => entry.isFile() && extname(entry.name) in CONTENT_TYPES)
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
  return {
    paths,
    read: async (path) => ({
      contentType: CONTENT_TYPES[extname(path)] as string,
      body: await readFile(join(folder, path)),
    }),
  };
}
