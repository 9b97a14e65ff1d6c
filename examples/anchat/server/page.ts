import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Bundles the page into the folder, which is emptied before. */
export async function buildPage(folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('../web', import.meta.url)),
    build: { outDir: folder, emptyOutDir: true, target: 'es2023', modulePreload: { polyfill: false } },
  });
}
