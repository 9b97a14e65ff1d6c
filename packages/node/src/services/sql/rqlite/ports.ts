/** Free ports of a range of one address. */
import { createServer } from 'node:net';
import { P2posError } from '@p2pos/protocol';
import type { Random } from '../../../core/random/index.ts';

export interface PortRange {
  readonly first: number;
  readonly count: number;
}

const ATTEMPTS = 200;

/** Some free one: nodes of one machine share the range, so none begins at its start. @throws P2posError SQL_LIMIT */
export async function choosePort(
  random: Pick<Random, 'float'>,
  { first, count }: PortRange,
  host: string,
  taken: ReadonlySet<number>,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = first + Math.floor(random.float() * count);
    if (!taken.has(port) && (await isFree(port, host))) return port;
  }
  throw new P2posError('SQL_LIMIT', { count, what: 'ports in use', setting: 'sql.port_count' });
}

function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
