/**
 * Builds the page at `/` into packages/console/dist when its sources changed since the last time.
 *
 *   node scripts/page.mjs
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'packages/console/src');
const target = join(root, 'packages/console/dist');
const lock = join(root, 'packages/console/.building');
const stampFile = join(target, '.stamp');
const isBuilt = (stamp) => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;

const stamp = stampOf(['console', 'protocol', 'sdk'].map((name) => join(root, 'packages', name, 'src')));
if (!isBuilt(stamp)) await buildAlone();

function stampOf(folders) {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true }).sort()) {
      if (!/\.(ts|vue|html|css|svg)$/.test(name) || name.endsWith('.test.ts')) continue;
      hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest('hex');
}

/** Two commands at once build once; a lock that somebody left behind is taken over after half a minute. */
async function buildAlone() {
  for (let waits = 0; waits < 120; waits++) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 250));
      if (isBuilt(stamp)) return;
    }
  }
  try {
    await build();
    writeFileSync(stampFile, stamp);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

async function build() {
  const [{ build: bundle }, { default: vue }] = await Promise.all([
    import('vite'),
    import('@vitejs/plugin-vue'),
  ]);
  await bundle({
    root: source,
    // Works under any path of any web server.
    base: './',
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    plugins: [vue()],
    define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
    build: {
      outDir: target,
      emptyOutDir: true,
      target: ['chrome120', 'firefox121', 'safari17.4'],
      // The policy of the page lets in no inline script, style or font.
      assetsInlineLimit: 0,
      cssCodeSplit: false,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 1_500,
      rolldownOptions: {
        // The page of a node's door, and the one for any web server.
        input: ['index.html', 'static.html'].map((name) => join(source, name)),
        checks: { bundlerTimings: false },
        output: {
          entryFileNames: 'assets/[name].js',
          chunkFileNames: 'assets/[name].js',
          assetFileNames: 'assets/[name][extname]',
        },
      },
    },
  });
}
