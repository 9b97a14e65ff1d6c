/**
 * Messages to a place, each kept as a record and told at once to who listens: pub/sub for speed, a watch of the records for
 * everything that pub/sub did not bring. Each comes once, whichever way was quicker.
 */
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';

/** Names of messages remembered, to tell the second copy. */
const MAX_REMEMBERED = 10_000;
export const KEPT_MS = 30 * 86_400_000;

export interface Post {
  readonly place: string;
  /** `<time, 14 digits>-<random>`: in the order of their writing, as far as clocks agree. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

export function createId(now: number): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `${String(now).padStart(14, '0')}-${[...random].map((part) => part.toString(36)).join('')}`;
}

/**
 * Who listens has it at once; who does not, from the records. Resolves when a majority of replicas has it on disk. A second time
 * changes nothing.
 */
export async function post(client: Pick<Client, 'kv' | 'pubsub'>, { place, id, bytes }: Post): Promise<void> {
  const told = client.pubsub.publish(topicOf(place), encodeCbor({ id, bytes })).catch(() => {});
  await client.kv.put(`${place}/${id}`, bytes, { ttlMs: KEPT_MS });
  await told;
}

/** From the first that is kept; until the signal aborts. */
export async function* follow(client: Client, place: string, signal: AbortSignal): AsyncGenerator<Post> {
  const seen = new Set<string>();
  const queue: Post[] = [];
  let wake = () => {};
  let failed: unknown;
  const offer = (id: string, bytes: Uint8Array) => {
    if (seen.has(id)) return;
    seen.add(id);
    if (seen.size > MAX_REMEMBERED) seen.delete(seen.values().next().value as string);
    queue.push({ place, id, bytes });
    wake();
  };
  const live = async () => {
    for await (const event of client.pubsub.subscribe(topicOf(place), { signal })) {
      if (event.type !== 'message') continue;
      const told = toldBy(event.data);
      if (typeof told?.id === 'string' && told.bytes instanceof Uint8Array) offer(told.id, told.bytes);
    }
  };
  const kept = async () => {
    for await (const event of client.kv.watch(`${place}/`, { signal }))
      if (event.type === 'change' && event.value) offer(event.key.slice(place.length + 1), event.value);
  };
  for (const run of [live, kept])
    run().catch((error) => {
      if (signal.aborted) return;
      failed = error;
      wake();
    });
  signal.addEventListener('abort', () => wake(), { once: true });
  while (!signal.aborted) {
    if (failed !== undefined) throw failed;
    const next = queue.shift();
    if (next) yield next;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}

/** Anybody with a token may publish anything. */
function toldBy(data: Uint8Array): Partial<Post> | null {
  try {
    return decodeCbor(data, { maxBytes: 262_144 }) as Partial<Post> | null;
  } catch {
    return null;
  }
}

export function topicOf(place: string): string {
  return place.replaceAll('/', '.');
}
