/** One plain operation through one node, told to the checker; and whether an acknowledgement is true. */
import type { Node } from '../../../packages/node/src/node.ts';
import type { Simnet } from '../../../packages/node/src/testing/simnet/index.ts';
import type { PlainRecords } from '../../checkers/plain-records.ts';
import type { Disks } from '../disks.ts';
import { isCertain } from './outcome.ts';
import type { Served } from './served.ts';

export interface At {
  readonly node: Node;
  readonly i: number;
}

export interface PlainClient {
  read(at: At, key: string): Promise<void>;
  /** Undefined: deletes. */
  write(at: At, key: string, value: string | undefined, ttlMs?: number): Promise<void>;
  broken(violation: string): void;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

export interface PlainClientDeps {
  readonly sim: Simnet;
  readonly plain: PlainRecords;
  readonly disks: Disks;
  readonly served: Served;
}

export function createPlainClient({ sim, plain, disks, served }: PlainClientDeps): PlainClient {
  return {
    async read(at, key) {
      const { node, i } = at;
      const floor = plain.floorOf(key);
      const { found } = await served.ask(at, 'get', key, () => node.kv.get({ app: 'default', key }));
      const value = found && { value: text.decode(found.value), version: found.version };
      sim.trace.add(`node${i} get ${key} ${value?.version ?? 'nothing'}`);
      plain.read(key, floor, value, sim.clock.now());
    },
    async write(at, key, value, ttlMs) {
      const { node, i } = at;
      const place = disks.place(at, 'default/kv', key);
      const what = value === undefined ? 'delete' : ttlMs ? 'put for a while' : 'put';
      const ticket = plain.begin(key, value, ttlMs && sim.clock.now() + ttlMs);
      try {
        const { version, durable } = await served.ask(at, what, key, () =>
          value === undefined
            ? node.kv.delete({ app: 'default', key })
            : node.kv.put({ app: 'default', key, value: utf8.encode(value), ttlMs }),
        );
        sim.trace.add(`node${i} ${what} ${key} ${version}`);
        plain.acknowledged(ticket, version);
        const doubt = disks.doubt(place, version, durable);
        if (doubt) plain.broken(doubt);
      } catch (error) {
        if (isCertain(error)) plain.refused(ticket);
        else plain.unknown(ticket, sim.clock.now());
        throw error;
      }
    },
    broken: (violation) => plain.broken(violation),
  };
}

/** All pages, in order. */
export async function listKeys(
  node: Node,
  wanted: { readonly prefix?: string; readonly limit: number },
): Promise<string[]> {
  const listed: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await node.kv.list({ app: 'default', ...wanted, ...(cursor && { cursor }) });
    listed.push(...page.keys);
    cursor = page.cursor;
  }
  return listed;
}
