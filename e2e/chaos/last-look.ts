/**
 * A client on one machine, when all is well and nobody writes any more: reads every key through the node beside it, lists them, and
 * tells all of it in one JSON line.
 */
import { isP2posError } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { KEYS_EACH, type Look, type Operation, REGISTERS } from './history.ts';

interface Orders {
  readonly node: number;
  readonly writers: number;
  readonly consistency: 'quorum' | 'all';
  readonly url: string;
  readonly token: string;
}

const { node, writers, consistency, url, token } = JSON.parse(process.argv[2] ?? '{}') as Orders;
await using client = connect({ url, token });
/** Monotonic, and one for all processes of a machine. */
const now = () => Number(process.hrtime.bigint() / 1_000n) / 1_000;
const keys = Array.from({ length: writers }, (_, writer) =>
  Array.from({ length: KEYS_EACH }, (_, key) => `writer${writer}/key${key}`),
).flat();
const registers = Array.from({ length: REGISTERS }, (_, i) => `register${i}`);

async function look(
  kind: 'get' | 'cas-get',
  key: string,
  read: () => Promise<{ readonly version: string; text(): string } | undefined>,
): Promise<Operation> {
  const asked = { writer: writers + node, key, kind, from: now() };
  try {
    const found = await read();
    return { ...asked, value: found?.text(), version: found?.version, to: now(), outcome: 'done' };
  } catch (error) {
    if (!isP2posError(error)) throw error;
    return { ...asked, to: now(), outcome: 'unknown', code: error.code };
  }
}

const reads = await Promise.all([
  ...keys.map((key) => look('get', key, () => client.kv.get(key, { consistency }))),
  ...registers.map((key) => look('cas-get', key, () => client.kv.cas.get(key))),
]);
const told: Look = { node, reads, keys: await Array.fromAsync(client.kv.list({ prefix: 'writer' })) };
process.stdout.write(`${JSON.stringify(told)}\n`);
