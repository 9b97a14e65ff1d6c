// Makes our own packages findable in a release: Node strips no types under node_modules, so each export is a file there that
// leads out to the sources.
//   node deploy/stubs.mjs CLONE STAGE
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [clone = '.', stage = '.'] = process.argv.slice(2);
for (const part of ['protocol', 'sdk']) {
  const { name, exports } = JSON.parse(readFileSync(join(clone, 'packages', part, 'package.json'), 'utf8'));
  const folder = join(stage, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  const stubs = {};
  for (const [path, target] of Object.entries(exports)) {
    stubs[path] = path === '.' ? './index.mjs' : `${path}.mjs`;
    const source = JSON.stringify(`../../../packages/${part}/${target.slice(2)}`);
    writeFileSync(join(folder, stubs[path]), `export * from ${source};\n`);
  }
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify({ name, type: 'module', exports: stubs })}\n`,
  );
}
