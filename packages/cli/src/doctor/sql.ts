/** Whether each database answers, and who is to blame when one does not. */
import { isP2posError } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';
import { bad, type Finding, good } from './finding.ts';

const TIMEOUT_MS = 8_000;
const MAX_DATABASES = 20;

export async function checkSql(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const options = { signal, timeoutMs: TIMEOUT_MS };
  try {
    const databases = (await client.sql.list(options)).slice(0, MAX_DATABASES);
    if (databases.length === 0) return [];
    const names = new Map(
      (await client.network.peers(options)).map(({ peerId, name }) => [peerId, name ?? peerId]),
    );
    const findings = await Promise.all(databases.map(({ name }) => examine(client, name, names, options)));
    const wrong = findings.filter((finding) => finding !== undefined);
    return wrong.length > 0 ? wrong : [good('sql', `${databases.length} databases answer`)];
  } catch (error) {
    if (!isP2posError(error) || error.code === 'AUTH_REQUIRED') throw error;
    return [bad('sql', `the databases cannot be listed: ${error.message}`, 'p2pctl peers')];
  }
}

async function examine(
  client: Client,
  name: string,
  names: ReadonlyMap<string, string>,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Finding | undefined> {
  try {
    await client.sql(name).query('SELECT 1', [], options);
    return undefined;
  } catch (error) {
    if (!isP2posError(error)) throw error;
    const status = await client
      .sql(name)
      .status(options)
      .catch(() => undefined);
    const holders = status?.holders.filter(({ reachable, problem }) => !reachable || problem !== null) ?? [];
    const who = holders.map(
      ({ peerId, problem }) => `${names.get(peerId) ?? peerId} ${problem ?? 'does not answer'}`,
    );
    const cause = who.length > 0 ? `its holder ${who.join('; ')}` : error.message;
    return bad(
      'sql',
      `statements on the database ${name} fail or time out (${error.code}): ${cause}`,
      'p2pctl peers, then start the node that holds it',
    );
  }
}
