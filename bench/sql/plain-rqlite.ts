/** Three rqlited of the same binary and settings as the nodes use, asked directly: what a user of rqlite has. */
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { deriveCredentials } from '../../packages/node/src/services/sql/rqlite/credentials.ts';
import { findProgram } from '../../packages/node/src/services/sql/rqlite/program.ts';
import { startVoter } from '../../packages/node/src/services/sql/rqlite/voter.ts';
import { eventually } from '../../packages/node/src/testing/eventually.ts';
import { createTempFolder } from '../../packages/node/src/testing/temp-folder.ts';

const FIRST_PORT = 16_400;

export interface PlainRqlite extends AsyncDisposable {
  readonly version: string;
  /** At the leader. @throws Error whatever it complains of */
  execute(sql: string, ...params: unknown[]): Promise<unknown>;
  query(sql: string, level: string, ...params: unknown[]): Promise<unknown>;
}

/** Undefined: there is no rqlited. */
export async function startPlainRqlite(): Promise<PlainRqlite | undefined> {
  const program = await findProgram({ development: true });
  if (typeof program === 'string') return undefined;
  await using starting = new AsyncDisposableStack();
  const folder = starting.use(await createTempFolder());
  const clock = createSystemClock();
  const credentials = deriveCredentials(new Uint8Array(32));
  const host = '127.0.0.1';
  const voters = [0, 1, 2].map((i) => `${host}:${FIRST_PORT + 2 * i}`);
  for (const i of [0, 1, 2]) {
    starting.use(
      await startVoter(
        { clock, log: silentLogger },
        {
          program,
          folder: join(folder.path, String(i)),
          nodeId: `n${i}`,
          httpPort: FIRST_PORT + 2 * i + 1,
          host,
          raftPort: FIRST_PORT + 2 * i,
          credentials,
          voters,
          founds: true,
        },
      ),
    );
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  starting.defer(() => agent.destroy());
  const authorization = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;

  function ask(port: number, method: string, path: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = {
        authorization,
        ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      };
      const sent = request({ host, port, method, path, agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk) => (text += chunk));
        answer.on('end', () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(text))));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  const leader = Number(
    await eventually(
      async () => {
        const status = JSON.parse(await ask(FIRST_PORT + 1, 'GET', '/status'));
        const [, number] = /^n(\d)$/.exec(status.store.leader.node_id) ?? [];
        return number !== undefined && String(FIRST_PORT + 2 * Number(number) + 1);
      },
      { timeoutMs: 30_000 },
    ),
  );
  const checked = async (path: string, statement: readonly unknown[]) => {
    const { results } = JSON.parse(await ask(leader, 'POST', path, JSON.stringify([statement])));
    if (results[0]?.error !== undefined) throw new Error(results[0].error);
    return results[0];
  };
  const owned = starting.move();
  return {
    version: program.version,
    execute: (sql, ...params) => checked('/db/execute', [sql, ...params]),
    query: (sql, level, ...params) => checked(`/db/query?level=${level}`, [sql, ...params]),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
