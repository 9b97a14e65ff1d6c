/**
 * A client on one machine: writes its own keys, reads everybody's and changes registers that all share, through the node beside
 * it until it is told to end (its standard input closes), and tells on standard output what it did, one JSON line per operation.
 */
import { isP2posError, P2posError } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { KEYS_EACH, type Operation, REGISTERS } from './history.ts';

interface Orders {
  readonly writer: number;
  readonly writers: number;
  readonly url: string;
  readonly token: string;
}

const orders = JSON.parse(process.argv[2] ?? '{}') as Orders;
await using client = connect({ url: orders.url, token: orders.token, maxAttempts: 1, timeoutMs: 8_000 });
const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();
/** Monotonic, and one for all processes of a machine. */
const now = () => Number(process.hrtime.bigint() / 1_000n) / 1_000;
const pick = (count: number) => Math.floor(Math.random() * count);

let serial = 0;
while (!stop.signal.aborted) {
  if (Math.random() < 0.25) {
    await useRegister(`register${pick(REGISTERS)}`);
    continue;
  }
  const dice = Math.random();
  const own = dice < 0.6;
  const writer = own ? orders.writer : pick(orders.writers);
  const key = `writer${writer}/key${pick(KEYS_EACH)}`;
  const began = now();
  const told = await (own ? write(key, dice < 0.1) : read(key));
  tell({ writer: orders.writer, key, from: began, to: now(), ...told });
  // A node that is down refuses at once; without a pause the history would be of refusals.
  if (told.code === 'NODE_UNREACHABLE') await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Reads it, and most of the time asks for a change that follows on what was read. */
async function useRegister(key: string): Promise<void> {
  const began = now();
  const base = { writer: orders.writer, key };
  let seen: { readonly version: string; readonly text: () => string } | undefined;
  try {
    seen = await client.kv.cas.get(key);
    const version = seen?.version ?? null;
    tell({
      ...base,
      kind: 'cas-get',
      value: seen?.text(),
      version: version ?? undefined,
      from: began,
      to: now(),
      outcome: 'done',
    });
  } catch (error) {
    tell({ ...base, kind: 'cas-get', from: began, to: now(), ...failure(error) });
    return;
  }
  const dice = Math.random();
  if (dice < 0.3) return;
  const from = now();
  const value = dice < 0.9 ? `${orders.writer}.${serial++}` : undefined;
  const expect = seen?.version ?? 'absent';
  const asked = {
    ...base,
    kind: value === undefined ? ('cas-delete' as const) : ('cas-put' as const),
    value,
    expect,
    from,
  };
  try {
    if (value === undefined) {
      // What is absent cannot be deleted on a condition.
      if (!seen) return;
      await client.kv.cas.delete(key, { ifVersion: seen.version });
      tell({ ...asked, to: now(), outcome: 'done' });
    } else {
      const { version } = await client.kv.cas.compareAndSet(key, value, seen?.version ?? null);
      tell({ ...asked, version, to: now(), outcome: 'done' });
    }
  } catch (error) {
    if (isP2posError(error, 'CAS_CONDITION_FAILED')) {
      const there = error.details['version'] as string | null;
      tell({ ...asked, there, to: now(), outcome: 'done', code: error.code });
    } else tell({ ...asked, to: now(), ...failure(error) });
  }
}

type Told = Pick<Operation, 'kind' | 'value' | 'version' | 'outcome' | 'code'>;

async function write(key: string, remove: boolean): Promise<Told> {
  const kind = remove ? 'delete' : 'put';
  const value = remove ? undefined : `${orders.writer}.${serial++}`;
  try {
    const { version } = await (value === undefined ? client.kv.delete(key) : client.kv.put(key, value));
    return { kind, value, version, outcome: 'done' };
  } catch (error) {
    return { kind, value, ...failure(error) };
  }
}

async function read(key: string): Promise<Told> {
  try {
    const found = await client.kv.get(key);
    return { kind: 'get', value: found?.text(), version: found?.version, outcome: 'done' };
  } catch (error) {
    return { kind: 'get', ...failure(error) };
  }
}

/** Only what says `outcome: none` is taken at its word. */
function failure(error: unknown): Pick<Operation, 'outcome' | 'code'> {
  if (!isP2posError(error)) throw error;
  const none = error instanceof P2posError && error.details['outcome'] === 'none';
  return { outcome: none ? 'refused' : 'unknown', code: error.code };
}

function tell(operation: Operation): void {
  process.stdout.write(`${JSON.stringify(operation)}\n`);
}
