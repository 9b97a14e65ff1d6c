/** Every capability that nodes offer each other, as the source defines it: `export const X = defineCapability(…)`. */
import { globSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Capability } from '../../packages/protocol/src/rpc/index.ts';

const SOURCE = new URL('../../packages/', import.meta.url).pathname;

export const CAPABILITIES: readonly Capability[] = await findCapabilities();

async function findCapabilities(): Promise<Capability[]> {
  const files = globSync('{protocol,node}/src/**/*.ts', { cwd: SOURCE }).filter((file) => !/test/.test(file));
  const found: Capability[] = [];
  for (const file of files.sort()) {
    const text = readFileSync(SOURCE + file, 'utf8');
    for (const [, name] of text.matchAll(/^(?:export )?const (\w+) = defineCapability\(/gm)) {
      const exported = (await import(pathToFileURL(SOURCE + file).href)) as Record<string, unknown>;
      const capability = exported[name as string] as Capability | undefined;
      if (!capability) throw new Error(`${file}: export ${name}, so that the reference can describe it.`);
      found.push(capability);
    }
  }
  return found.sort((a, b) => (a.protocol < b.protocol ? -1 : 1));
}
