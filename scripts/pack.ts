/**
 * Builds what applications install: `@p2pos/sdk` and the contract it stands on, as JavaScript with declarations.
 *
 *   npm run pack -- FOLDER     writes p2pos-protocol-VERSION.tgz and p2pos-sdk-VERSION.tgz there
 *
 * In this workspace nothing is built: Node runs TypeScript as it is, but not below `node_modules`.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = ['protocol', 'sdk'] as const;

const folder = resolve(process.argv[2] ?? 'dist');
mkdirSync(folder, { recursive: true });
for (const name of PACKAGES) console.log(pack(name));

/** @returns the file it wrote */
function pack(name: (typeof PACKAGES)[number]): string {
  const source = join(ROOT, 'packages', name);
  const staging = mkdtempSync(join(tmpdir(), `p2pos-pack-${name}-`));
  try {
    const settings = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        allowImportingTsExtensions: false,
        rewriteRelativeImportExtensions: true,
        declaration: true,
        rootDir: join(source, 'src'),
        outDir: join(staging, 'dist'),
        // A page has no Node: what would need its types must not be here.
        types: [],
      },
      include: [join(source, 'src/**/*.ts')],
      exclude: [join(source, 'src/**/*.test.ts'), join(source, 'src/testing/**')],
    };
    writeFileSync(join(staging, 'tsconfig.json'), JSON.stringify(settings));
    run('tsc', ['-p', join(staging, 'tsconfig.json')], ROOT);
    rmSync(join(staging, 'tsconfig.json'));
    const { private: _, ...manifest } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
    const exports = Object.fromEntries(
      Object.entries(manifest.exports as Record<string, string>).map(([door, file]) => {
        const built = file.replace('./src/', './dist/');
        return [door, { types: built.replace(/ts$/, 'd.ts'), default: built.replace(/ts$/, 'js') }];
      }),
    );
    const published = { ...manifest, sideEffects: false, engines: { node: '>=22' }, exports };
    writeFileSync(join(staging, 'package.json'), JSON.stringify(published, undefined, 2));
    copyFileSync(join(ROOT, 'LICENSE'), join(staging, 'LICENSE'));
    const printed = run('npm', ['pack', '--silent', '--pack-destination', folder], staging);
    return join(folder, printed.trim().split('\n').at(-1) ?? '');
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`);
}
