/**
 * Messages to a place, each kept as a record and told at once to who listens: pub/sub for speed, a watch of the records for
 * everything that pub/sub did not bring. Each comes once, whichever way was quicker.
 */
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import type { Client } from '@p2pos/sdk';

/** Names of messages remembered, to tell the second copy. */
const MAX_REMEMBERED = 10_000;
const KEPT_MS = 30 * 86_400_000;

export interface Post {
  /** `<time, 14 digits>-<random>`: in the order of their writing, as far as clocks agree. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Resolves when a majority of replicas has it on disk. */
export async function post(client: Client, place: string, bytes: Uint8Array, now: number): Promise<string> {
  const random = crypto.getRandomValues(new Uint32Array(1))[0] as number;
  const id = `${String(now).padStart(14, '0')}-${random.toString(36)}`;
  await client.kv.put(`${place}/${id}`, bytes, { ttlMs: KEPT_MS });
  await client.pubsub.publish(topicOf(place), encodeCbor({ id, bytes }));
  return id;
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
    queue.push({ id, bytes });
    wake();
  };
  const live = async () => {
    for await (const event of client.pubsub.subscribe(topicOf(place), { signal })) {
      if (event.type !== 'message') continue;
      const told = decodeCbor(event.data, { maxBytes: 131_072 }) as Partial<Post>;
      if (typeof told.id === 'string' && told.bytes instanceof Uint8Array) offer(told.id, told.bytes);
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

function topicOf(place: string): string {
  return place.replaceAll('/', '.');
}
