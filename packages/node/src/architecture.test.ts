/** The arrows and manners of ARCHITECTURE.md and CONTRIBUTING.md, checked over the sources of all packages. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, posix, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGES = fileURLToPath(new URL('../../', import.meta.url));

interface Source {
  /** From `packages/`, with slashes: `node/src/core/clock/index.ts`. */
  readonly path: string;
  readonly text: string;
}

/** What is wrong with one file, each in a few words. */
type Rule = (source: Source) => string[];

const isTest = (path: string) => /\.test\.ts$|\/testing\/|\/test-[a-z-]+\.ts$/.test(path);
const isLibp2p = (name: string) =>
  /^(libp2p|@libp2p\/|@chainsafe\/libp2p|@multiformats\/multiaddr)/.test(name);

/** Without comments; strings stay, since imports are strings. */
function codeOf(text: string): string {
  const parts = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(parts, (_, string: string | undefined) => string ?? ' ');
}

/** Static, dynamic and type imports, and exports from elsewhere. */
function importsOf({ text }: Source): string[] {
  const found = codeOf(text).matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)'([^']+)'/g);
  return [...found].map(([, name = '']) => name);
}

/** Path from `packages/` of a relative import. */
function targetOf({ path }: Source, name: string): string {
  return posix.normalize(posix.join(posix.dirname(path), name));
}

/** Where in the node a file belongs: `core/net`, `services/kv`, `gateway`, `config`, … */
function partOf(path: string): string {
  const [area = '', module = ''] = path.replace(/^node\/src\//, '').split('/');
  return area === 'core' || area === 'services' ? `${area}/${module}` : area;
}

const areaOf = (path: string) => partOf(path).split('/')[0] ?? '';

/** What each package may know of ours; it knows itself by relative paths. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  node: ['@p2pos/protocol'],
  sdk: ['@p2pos/protocol'],
  cli: ['@p2pos/protocol', '@p2pos/sdk'],
  console: ['@p2pos/protocol', '@p2pos/sdk'],
};

/** What each area of the node may import; the files beside `main.ts` put them together and may import all. */
const AREAS: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  services: ['core', 'services'],
  gateway: ['core', 'gateway'],
  config: ['config'],
  process: ['core', 'config', 'gateway', 'process'],
};

/** Who may do what nobody else may, by the start of the path, each with its reason. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  time: ['node/src/core/clock/'],
  random: [
    'node/src/core/random/',
    // Only the name of a draft that is renamed at once.
    'node/src/core/identity/secret-file.ts',
    // The throw-away key of a TLS certificate; no simulation meets it.
    'node/src/core/net/tls/certificate.ts',
  ],
  environment: ['node/src/config/'],
  libp2p: ['node/src/core/net/', 'sdk/src/peer/'],
};

function only(what: keyof typeof ALLOWED, pattern: RegExp): Rule {
  return ({ path, text }) => {
    if (!path.startsWith('node/') || isTest(path)) return [];
    if (ALLOWED[what]?.some((start) => path.startsWith(start))) return [];
    return [...codeOf(text).matchAll(pattern)].map(([use]) => `uses ${use}`);
  };
}

const RULES: Readonly<Record<string, Rule>> = {
  'packages know only those under them': (source) => {
    const own = source.path.split('/')[0] ?? '';
    return importsOf(source)
      .filter((name) => {
        if (name.startsWith('@p2pos/'))
          return !ARROWS[own]?.some((known) => name === known || name.startsWith(`${known}/`));
        return name.startsWith('.') && !targetOf(source, name).startsWith(`${own}/`) && !isTest(source.path);
      })
      .map((name) => `imports ${name}`);
  },
  'the contract runs in browsers': (source) =>
    source.path.startsWith('protocol/') && !isTest(source.path)
      ? importsOf(source)
          .filter((name) => name.startsWith('node:'))
          .map((name) => `imports ${name}`)
      : [],
  'core knows no service, services know none of each other, gateways know no service': (source) => {
    const known = AREAS[areaOf(source.path)];
    if (!source.path.startsWith('node/src/') || !known || isTest(source.path)) return [];
    return importsOf(source)
      .filter((name) => name.startsWith('.') && !name.endsWith('.json'))
      .map((name) => targetOf(source, name))
      .filter((target) => {
        const isSibling = areaOf(target) === 'services' && partOf(target) !== partOf(source.path);
        return isSibling || !known.includes(areaOf(target));
      })
      .map((target) => `imports ${target}`);
  },
  'others come through the door': (source) => {
    if (!source.path.startsWith('node/src/') || isTest(source.path)) return [];
    return importsOf(source)
      .filter((name) => name.startsWith('.'))
      .map((name) => targetOf(source, name))
      .filter((target) => AREAS[areaOf(target)] && areaOf(target) !== 'process')
      .filter((target) => partOf(target) !== partOf(source.path) && basename(target) !== 'index.ts')
      .map((target) => `imports ${target} past its index.ts`);
  },
  'only core/net imports libp2p': (source) =>
    isTest(source.path) || ALLOWED['libp2p']?.some((start) => source.path.startsWith(start))
      ? []
      : importsOf(source)
          .filter(isLibp2p)
          .map((name) => `imports ${name}`),
  'only core/clock reads or waits for time': only(
    'time',
    /\bDate\.now\b|\bnew Date\(\)|(?<!\.)\bset(?:Timeout|Interval)\b|\bperformance\.now\b|'node:timers[^']*'/g,
  ),
  'only core/random makes chance': only(
    'random',
    /\bMath\.random\b|\brandom(?:Bytes|UUID|Int|FillSync|Fill)\b|\bgetRandomValues\b|\bgenerateKeyPair(?:Sync)?\b(?!FromSeed)/g,
  ),
  'only config reads the environment': only('environment', /\bprocess\.env\b|\benv\b[^\n]*'node:process'/g),
  'relative imports name the file': (source) =>
    importsOf(source)
      .filter((name) => name.startsWith('.') && !/\.(ts|json|vue|css)$/.test(name))
      .map((name) => `imports ${name}`),
  'files have a noun in kebab-case for a name': ({ path }) => {
    const name = basename(path).replace(/(\.test)?\.ts$/, '');
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return ['is not in kebab-case'];
    return /^(utils?|helpers?|common|misc|types?|constants?|shared|lib)$/.test(name)
      ? ['says nothing of what it holds']
      : [];
  },
  'nothing is exported as default': ({ text }) =>
    [...codeOf(text).matchAll(/\bexport default\b|\bas default\b/g)].map(([use]) => `has ${use}`),
  'files stay under 400 lines': ({ text }) => {
    const lines = text.split('\n').length - 1;
    return lines > 400 ? [`has ${lines} lines`] : [];
  },
  'a door opens with what it is': ({ path, text }) =>
    /^node\/src\/(core|services)\/[^/]+\/index\.ts$/.test(path) && !text.startsWith('/**')
      ? ['does not begin with a doc comment']
      : [],
};

function complaintsOf(rule: Rule, sources: readonly Source[]): string[] {
  return sources.flatMap((source) => rule(source).map((complaint) => `${source.path} ${complaint}`));
}

function allSources(): Source[] {
  return readdirSync(PACKAGES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => filesUnder(join(PACKAGES, name, 'src')))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({
      path: relative(PACKAGES, file).replaceAll('\\', '/'),
      text: readFileSync(file, 'utf8'),
    }));
}

function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

// Without this file, which holds offenders of every kind.
const sources = allSources().filter(({ path }) => path !== 'node/src/architecture.test.ts');

test('the sources are found', () => {
  assert.ok(sources.length > 100);
  for (const name of Object.keys(ARROWS))
    assert.ok(
      sources.some(({ path }) => path.startsWith(`${name}/`)),
      name,
    );
});

for (const [title, rule] of Object.entries(RULES)) {
  test(title, () => assert.deepEqual(complaintsOf(rule, sources), []));
}

/** Files that import themselves by way of others, and what lies between such circles; imports of types count. */
function circlesOf(all: readonly Source[]): string[] {
  const left = new Map(
    all.map((source) => [source.path, importsOf(source).map((name) => targetOf(source, name))]),
  );
  for (let before = 0; before !== left.size; ) {
    before = left.size;
    for (const [path, imports] of left) if (!imports.some((name) => left.has(name))) left.delete(path);
    const imported = new Set([...left.values()].flat());
    for (const path of left.keys()) if (!imported.has(path)) left.delete(path);
  }
  return [...left.keys()].sort();
}

test('no file imports itself by way of others', () => {
  assert.deepEqual(circlesOf(sources.filter(({ path }) => !isTest(path))), []);
  const importing = (path: string, name: string) => ({ path, text: `import type { X } from './${name}';` });
  const circle = [importing('node/src/a.ts', 'b.ts'), importing('node/src/b.ts', 'c.ts')];
  assert.deepEqual(circlesOf(circle), []);
  assert.deepEqual(circlesOf([...circle, importing('node/src/c.ts', 'a.ts')]).length, 3);
});

/** One offender for each way to break a rule: [rule, path, text]. */
const OFFENDERS: readonly (readonly [keyof typeof RULES, string, string])[] = [
  ['packages know only those under them', 'cli/src/a.ts', "import { x } from '@p2pos/node';"],
  ['packages know only those under them', 'console/src/a.ts', "const x = await import('@p2pos/node');"],
  ['packages know only those under them', 'protocol/src/a.ts', "import type { x } from '@p2pos/sdk';"],
  ['packages know only those under them', 'sdk/src/a.ts', "export * from '../../node/src/node.ts';"],
  ['the contract runs in browsers', 'protocol/src/a.ts', "import { createHash } from 'node:crypto';"],
  [
    'core knows no service, services know none of each other, gateways know no service',
    'node/src/core/rpc/a.ts',
    "import type { Kv } from '../../services/kv/index.ts';",
  ],
  [
    'core knows no service, services know none of each other, gateways know no service',
    'node/src/services/kv/a.ts',
    "import {\n  createSql,\n} from '../sql/index.ts';",
  ],
  [
    'core knows no service, services know none of each other, gateways know no service',
    'node/src/gateway/a.ts',
    "import { createKv } from '../services/kv/index.ts';",
  ],
  [
    'core knows no service, services know none of each other, gateways know no service',
    'node/src/core/rpc/a.ts',
    "import { loadConfig } from '../../config/index.ts';",
  ],
  ['others come through the door', 'node/src/core/rpc/a.ts', "import { x } from '../net/limits.ts';"],
  [
    'only core/net imports libp2p',
    'node/src/core/mesh/a.ts',
    "import { multiaddr } from '@multiformats/multiaddr';",
  ],
  ['only core/net imports libp2p', 'sdk/src/a.ts', "import { createLibp2p } from 'libp2p';"],
  ['only core/clock reads or waits for time', 'node/src/services/kv/a.ts', 'const x = Date.now();'],
  [
    'only core/clock reads or waits for time',
    'node/src/services/kv/a.ts',
    `const x = \`${'$'}{performance.now()}\`;`,
  ],
  [
    'only core/clock reads or waits for time',
    'node/src/services/kv/a.ts',
    "import { setTimeout } from 'node:timers/promises';",
  ],
  ['only core/random makes chance', 'node/src/core/rpc/a.ts', 'const x = Math.random();'],
  ['only core/random makes chance', 'node/src/core/rpc/a.ts', "import { randomUUID } from 'node:crypto';"],
  ['only config reads the environment', 'node/src/core/log/a.ts', "const x = process.env['LOG_LEVEL'];"],
  ['relative imports name the file', 'node/src/a.ts', "import { x } from './b';"],
  ['relative imports name the file', 'node/src/a.ts', "import { x } from './b.js';"],
  ['files have a noun in kebab-case for a name', 'node/src/core/utils.ts', ''],
  ['files have a noun in kebab-case for a name', 'node/src/core/memoryNet.ts', ''],
  ['nothing is exported as default', 'node/src/a.ts', 'export default 1;'],
  ['files stay under 400 lines', 'node/src/a.ts', '\n'.repeat(401)],
  ['a door opens with what it is', 'node/src/core/net/index.ts', 'export {};'],
];

test('each rule finds those who break it', () => {
  for (const [title, path, text] of OFFENDERS) {
    assert.notDeepEqual(RULES[title]?.({ path, text }), [], `${title}: ${path} ${text}`);
  }
  const tried = new Set(OFFENDERS.map(([title]) => title));
  assert.deepEqual(new Set(Object.keys(RULES)), tried);
});

test('what comments say breaks no rule', () => {
  const text =
    "// uses Date.now()\n/* import { x } from 'libp2p'; */ const url = 'http://x'; /** Math.random */\n";
  for (const rule of Object.values(RULES))
    assert.deepEqual(rule({ path: 'node/src/core/rpc/a.ts', text }), []);
});
