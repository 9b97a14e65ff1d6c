/** What lies on one disk, behind the back of its node. */
import type { Row, SqlValue } from '../../packages/node/src/core/store/index.ts';
import type { Simnet } from '../../packages/node/src/testing/simnet/index.ts';

/** None where the table is not: a disk that is new has no tables before its node has started. */
export function rowsOf<R extends Row>(
  sim: Simnet,
  i: number,
  table: string,
  sql: string,
  params: readonly SqlValue[] = [],
): R[] {
  const disk = sim.disk(i);
  const [known] = disk.peek('SELECT 1 FROM sqlite_schema WHERE name = ?', [table]);
  return known ? disk.peek<R>(sql, params) : [];
}
