/**
 * The page's files, from one folder known at the start: what is not listed there is not served, so no name leads out
 * of it. TypeScript is served with its types stripped, as Node itself runs it.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import module from 'node:module';
import { extname, join, relative, sep } from 'node:path';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
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
  readonly body: Uint8Array | string;
}

export interface Page {
  /** URL paths that exist, without the leading slash: `style.css`, `views/ring.ts`. */
  readonly paths: readonly string[];
  read(path: string): Promise<Asset>;
}

export async function openPage(folder: string): Promise<Page> {
  const stripped = new Map<string, { readonly changedAt: number; readonly code: string }>();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter(
      (entry) =>
        entry.isFile() && extname(entry.name) in CONTENT_TYPES && !/\.(test|d)\.ts$/.test(entry.name),
    )
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));

  return {
    paths,
    async read(path) {
      const file = join(folder, path);
      const contentType = CONTENT_TYPES[extname(path)] as string;
      if (extname(path) !== '.ts') return { contentType, body: await readFile(file) };
      const { mtimeMs: changedAt } = await stat(file);
      const known = stripped.get(path);
      if (known?.changedAt === changedAt) return { contentType, body: known.code };
      const code = stripTypes(await readFile(file, 'utf8'));
      stripped.set(path, { changedAt, code });
      return { contentType, body: code };
    },
  };
}

/** Node warns that this function is experimental; the same code runs this program, so the warning says nothing. */
function stripTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return module.stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
