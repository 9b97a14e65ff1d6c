/**
 * `state.json` of an installation, which the launcher and the node share: which version runs, and whether it is on trial.
 * Replaced in one step, so neither ever sees half of it. The launcher (`bin/p2pos-launcher.mjs`) reads the same form.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { softwareVersionSchema } from '@p2pos/protocol';
import { z } from 'zod';

const schema = z.object({
  current: softwareVersionSchema,
  /** On trial until it is confirmed; after `timeoutMs`, or when it ends before, the launcher goes back to `from`. */
  trial: z
    .object({ from: softwareVersionSchema, timeoutMs: z.int().min(1_000).max(3_600_000), starts: z.int() })
    .optional(),
  /** What was gone back from last. */
  failed: z.object({ version: softwareVersionSchema, reason: z.string().max(2_000) }).optional(),
});
export type InstallationState = z.output<typeof schema>;

export async function readState(folder: string): Promise<InstallationState | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

export async function writeState(folder: string, state: InstallationState): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = join(folder, 'state.json.node');
  {
    await using file = await open(draft, 'w', 0o644);
    await file.writeFile(`${JSON.stringify(state)}\n`);
    await file.sync();
  }
  await rename(draft, join(folder, 'state.json'));
}
