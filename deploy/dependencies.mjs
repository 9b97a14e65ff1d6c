// Prints the folders under node_modules that the programs of a release import, one a line: production dependencies and theirs.
//   node deploy/dependencies.mjs CLONE
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const clone = process.argv[2] ?? '.';
const found = new Set();
const read = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** As Node resolves a package from a folder: the nearest node_modules that has it. */
function locate(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === clone || dirname(folder) === folder) return undefined;
  }
}

function visit(folder) {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = read(folder);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    if (name.startsWith('@p2pos/')) continue;
    const place = locate(name, folder);
    if (place === undefined || found.has(place)) continue;
    found.add(place);
    visit(place);
  }
}

for (const part of ['protocol', 'sdk', 'cli', 'node']) visit(join(clone, 'packages', part));
// What lies inside of another is copied with it.
const tops = [...found].filter(
  (place) => ![...found].some((other) => place.startsWith(`${other}/node_modules/`)),
);
for (const place of tops) console.log(relative(join(clone, 'node_modules'), place));
