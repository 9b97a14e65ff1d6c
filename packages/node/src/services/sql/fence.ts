/**
 * What stops the writes of a database that moves to another engine: a trigger on the table in which every write leaves a
 * row, within the write's own transaction. So it is atomic, replicated, and stands after a restart, whoever writes.
 */

const MESSAGE = 'p2pos: the database moves';

export const FENCE_UP = `CREATE TRIGGER IF NOT EXISTS _p2pos_fence BEFORE INSERT ON _p2pos_requests BEGIN SELECT RAISE(ABORT, '${MESSAGE}'); END`;
export const FENCE_DOWN = 'DROP TRIGGER IF EXISTS _p2pos_fence';
export const FENCE_FOUND = "SELECT count(*) FROM sqlite_master WHERE name = '_p2pos_fence'";

export function isFence(reason: string): boolean {
  return reason.includes(MESSAGE);
}
