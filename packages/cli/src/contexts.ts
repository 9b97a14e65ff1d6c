/** Named nodes that a person works with, in `$XDG_CONFIG_HOME/p2pos/contexts.json`; one of them is chosen. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Surroundings } from './invocation.ts';
import { readJsonFile, writeJsonFile } from './json-file.ts';

/** Either a home (with the node's index in a dev folder), or an address and where its token lies. */
const Context = z.union([
  z.strictObject({ home: z.string(), node: z.string().optional() }),
  z.strictObject({ url: z.string(), tokenFile: z.string().optional() }),
]);
export type Context = z.infer<typeof Context>;

const Contexts = z.object({ chosen: z.string().nullable(), contexts: z.record(z.string(), Context) });
export type Contexts = z.infer<typeof Contexts>;

export function contextsFile({ env, userHome }: Pick<Surroundings, 'env' | 'userHome'>): string {
  return join(env['XDG_CONFIG_HOME'] || join(userHome, '.config'), 'p2pos', 'contexts.json');
}

export function readContexts(surroundings: Pick<Surroundings, 'env' | 'userHome'>): Contexts {
  return readJsonFile(contextsFile(surroundings), Contexts) ?? { chosen: null, contexts: {} };
}

export function writeContexts(
  surroundings: Pick<Surroundings, 'env' | 'userHome'>,
  contexts: Contexts,
): void {
  const file = contextsFile(surroundings);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeJsonFile(file, contexts);
}
