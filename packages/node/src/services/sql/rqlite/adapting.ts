/** Backups of either engine made fit for voters, in the process of the sqlite engine. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { isErrorCode, P2posError } from '@p2pos/protocol';
import type { SqliteHost } from '../sqlite/process.ts';
import { examine } from '../statements/examination.ts';

export interface AdaptingConfig {
  /** Of the database, for messages. */
  readonly name: string;
  /** A file that nothing else uses. */
  readonly file: string;
}

/** @throws P2posError SQL_REFUSED: no sound file; SQL_UNSUPPORTED: its tables fill themselves with what differs on each voter */
export async function adaptForVoters(
  host: Pick<SqliteHost, 'run'>,
  { name, file }: AdaptingConfig,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  try {
    await writeFile(file, bytes, { mode: 0o600 });
    const { failure, rows } = await host.run({ kind: 'adapt', file, other: file, engine: 'rqlite' });
    if (failure)
      throw new P2posError(isErrorCode(failure.code) ? failure.code : 'INTERNAL', {
        database: name,
        ...failure.details,
      });
    for (const [what, sql] of rows?.rows ?? []) {
      const chance = String(what).startsWith('_p2pos_') ? undefined : chanceOf(String(sql));
      if (chance !== undefined)
        throw new P2posError('SQL_UNSUPPORTED', {
          reason: `${what} uses ${chance}, which gives each voter of an rqlite database another result; make it without`,
        });
    }
    return await readFile(file);
  } finally {
    await rm(file, { force: true });
  }
}

function chanceOf(sql: string): string | undefined {
  try {
    return examine(sql).chance;
  } catch {
    return undefined;
  }
}
