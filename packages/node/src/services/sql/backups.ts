/** Backups that a database makes of itself: files below the databases of its node, `backups/<app>/<name>/<time>.sqlite`. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock/index.ts';
import type { Logger } from '../../core/log/index.ts';
import type { Entry } from './catalogue.ts';
import type { Engine } from './engine.ts';

export interface Backups {
  /** Where the newest is older than the entry allows. */
  makeDue(entry: Entry, engine: Engine): Promise<void>;
  /** Of this node, the newest last; ms since the epoch. */
  kept(name: { readonly app: string; readonly name: string }): Promise<number[]>;
}

export interface BackupsDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

const BACKUP_MS = 120_000;
const FILE = /^(\d{4}-\d{2}-\d{2}T\d{2})-(\d{2})-(\d{2}\.\d{3}Z)\.sqlite$/;

export function createBackups({ clock, log }: BackupsDeps, { folder }: { readonly folder: string }): Backups {
  const folderOf = ({ app, name }: { readonly app: string; readonly name: string }) =>
    join(folder, app, name);

  async function filesOf(path: string): Promise<{ readonly file: string; readonly at: number }[]> {
    const names = await readdir(path).catch(() => []);
    return names.sort().flatMap((file) => {
      const [, day, minute, second] = FILE.exec(file) ?? [];
      return day === undefined ? [] : [{ file, at: Date.parse(`${day}:${minute}:${second}`) }];
    });
  }

  return {
    kept: async (name) => (await filesOf(folderOf(name))).map(({ at }) => at),
    async makeDue(entry, engine) {
      const { backup } = entry;
      if (!backup) return;
      const path = folderOf(entry);
      const before = await filesOf(path);
      const now = clock.now();
      const last = before.at(-1);
      // One of a clock that went wrong is in the future.
      if (last && last.at <= now && now - last.at < backup.everyMs) return;
      const bytes = await engine.backup({ timeoutMs: BACKUP_MS });
      await mkdir(path, { recursive: true, mode: 0o700 });
      const file = `${new Date(now).toISOString().replaceAll(':', '-')}.sqlite`;
      const draft = join(path, 'new');
      await writeFile(draft, bytes, { mode: 0o600, flush: true });
      await rename(draft, join(path, file));
      const fields = { action: 'sql_backup_made', id: entry.id, bytes: bytes.length };
      log.info(fields, 'a database was backed up');
      const all = [...before, { file, at: now }];
      for (const old of all.slice(0, Math.max(0, all.length - backup.keep)))
        await rm(join(path, old.file), { force: true });
    },
  };
}
