/** What a page pays for the SDK: one bundle with everything that `connect` gives, as a browser gets it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';

const MAX_GZIPPED_BYTES = 30_000;

/** The one chunk of a page that holds this program. */
async function bundle(program: string): Promise<Rolldown.OutputChunk> {
  const page = '\0page';
  const result = await build({
    root: fileURLToPath(new URL('../packages/sdk/', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'virtual:page' ? page : undefined),
        load: (id) => (id === page ? program : undefined),
      },
    ],
    build: { write: false, rollupOptions: { input: 'virtual:page' } },
  });
  const { output } = [result].flat()[0] as Rolldown.RolldownOutput;
  assert.equal(output.length, 1);
  return output[0];
}

const SDK = fileURLToPath(new URL('../packages/sdk/src/index.ts', import.meta.url));

test('connect with everything takes less than 30 KB, and no schema travels to the page', async (t) => {
  const { code, moduleIds } = await bundle(`import { connect } from '${SDK}'; globalThis.connect = connect;`);
  const { length } = gzipSync(code, { level: 9 });
  t.diagnostic(`${code.length} bytes, ${length} gzipped`);
  assert.ok(length < MAX_GZIPPED_BYTES, `${length} bytes gzipped`);
  assert.deepEqual(
    moduleIds.filter((id) => /node_modules|\/peer\//.test(id)),
    [],
  );
});

test('what a page does not use stays away', async () => {
  const { code } = await bundle(`import { sql } from '${SDK}'; globalThis.statement = sql\`SELECT \${1}\`;`);
  assert.ok(code.length < 2_000, `${code.length} bytes`);
});
