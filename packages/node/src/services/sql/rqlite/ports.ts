/** Free ports of a range of one address, held until what shall listen there is started: other nodes of the machine look too. */
import { createServer, type Server } from 'node:net';
import { P2posError } from '@p2pos/protocol';
import type { Random } from '../../../core/random/index.ts';

export interface PortRange {
  readonly first: number;
  readonly count: number;
}

export interface HeldPort {
  readonly port: number;
  /** Now it is free for another process. */
  release(): Promise<void>;
}

const ATTEMPTS = 200;

/** Some free one: nodes of one machine share the range, so none begins at its start. @throws P2posError SQL_LIMIT */
export async function holdPort(
  random: Pick<Random, 'float'>,
  { first, count }: PortRange,
  host: string,
  taken: ReadonlySet<number>,
): Promise<HeldPort> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = first + Math.floor(random.float() * count);
    const server = taken.has(port) ? undefined : await listen(port, host);
    if (server) return { port, release: () => new Promise((resolve) => server.close(() => resolve())) };
  }
  throw new P2posError('SQL_LIMIT', { count, what: 'ports in use', setting: 'sql.port_count' });
}

function listen(port: number, host: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}
