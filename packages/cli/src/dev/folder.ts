/** The folder of a development system: refuses folders that hold something else, and empties only its own. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { P2posError, sleep } from '@p2pos/protocol';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../json-file.ts';
import { readDevFile } from './dev-file.ts';
import type { Layout } from './layout.ts';
import { commandOf } from './ports.ts';

const LEFTOVER_TIMEOUT_MS = 15_000;

/** Makes it where it is missing. HOME_UNUSABLE where it cannot be made or holds something else. */
export function prepareFolder(layout: Layout): void {
  const { home } = layout;
  const refuse = (reason: string, cause?: unknown) => {
    return new P2posError('HOME_UNUSABLE', { home, reason, next: 'p2pctl dev --home DIR' }, { cause });
  };
  const found = statSync(home, { throwIfNoEntry: false });
  if (found && !found.isDirectory()) throw refuse('it is no folder');
  const stranger = found && !isDevFolder(layout) && readdirSync(home).find((name) => !name.startsWith('.'));
  if (stranger)
    throw refuse(`it holds ${stranger}, which p2pctl dev did not make; take an empty or new folder`);
  try {
    mkdirSync(layout.system, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw refuse(reasonOf(error), error);
  }
}

export function isDevFolder(layout: Layout): boolean {
  return existsSync(layout.lock);
}

/** Everything but the lock, which the caller holds. */
export function emptyFolder(layout: Layout): void {
  rmSync(layout.devFile, { force: true });
  // Without settings there is no system: a wipe that is cut off leaves nothing that looks like one.
  rmSync(layout.settings, { force: true });
  for (const name of readdirSync(layout.home)) {
    if (/^node\d+$/.test(name)) rmSync(join(layout.home, name), { recursive: true, force: true });
  }
  const kept = [layout.lock, layout.pid];
  for (const name of readdirSync(layout.system)) {
    const path = join(layout.system, name);
    if (!kept.includes(path)) rmSync(path, { recursive: true, force: true });
  }
}

/** Nodes whose supervisor was killed end by themselves, a moment later: their homes are theirs until then. */
export async function waitForLeftovers(
  layout: Layout,
  {
    clock,
    say,
    signal,
  }: { readonly clock: Clock; readonly say: (text: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  const pids = (readDevFile(layout.devFile)?.nodes ?? []).flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const living = () => pids.filter((pid) => commandOf(pid).includes(layout.home));
  const end = clock.now() + LEFTOVER_TIMEOUT_MS;
  for (let told = false; living().length > 0; told = true) {
    if (!told) say('waiting for the nodes of the previous run to end');
    if (clock.now() > end) {
      const [pid] = living();
      const reason = `process ${pid} of the previous run still uses it`;
      throw new P2posError('HOME_UNUSABLE', { home: layout.home, reason, next: `kill -9 ${pid}` });
    }
    await sleep(clock, 100, { signal });
  }
}
