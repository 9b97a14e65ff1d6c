/** A watch that outlives its socket: it goes on through the next node, and says nothing old about a key. */
import type { StreamIn, Subscribe } from './socket/subscribe.ts';

export interface WatchOptions extends Omit<StreamIn<'kv'>, 'prefix'> {
  readonly signal?: AbortSignal | undefined;
}

/**
 * `change`: with `deleted`, no value. `synced`: everything that was there has been told. `compacted`: forget what came
 * before; everything that is there follows, up to `synced`. `token`, where there is one: a later watch can go on from here.
 */
export type KvWatchEvent =
  | {
      readonly type: 'change';
      readonly key: string;
      readonly version: string;
      readonly deleted: boolean;
      readonly value?: Uint8Array;
      readonly expiresAt?: number;
      readonly token?: string | undefined;
      /** The value as UTF-8; empty when it was deleted. */
      text(): string;
    }
  | { readonly type: 'synced'; readonly token: string }
  | { readonly type: 'compacted' };

/** Keys whose version is remembered, to drop what comes again after a reconnect. */
const MAX_KEYS = 100_000;

export async function* watchKv(
  subscribe: Subscribe,
  prefix: string,
  { signal, from, ...rest }: WatchOptions = {},
): AsyncGenerator<KvWatchEvent, void> {
  let token = from;
  /** By key: the version told, and whether that it is gone. */
  const told = new Map<string, string>();
  const events = subscribe(
    'kv',
    { ...rest, prefix, ...(from !== undefined && { from }) },
    {
      signal,
      resume: ({ from: _, ...input }) => ({ ...input, ...(token !== undefined && { from: token }) }),
    },
  );
  for await (const event of events) {
    const restarted = event.type === 'open' && token === undefined && told.size > 0;
    if (event.type === 'compacted' || restarted) {
      token = undefined;
      told.clear();
      yield { type: 'compacted' };
    }
    if (event.type === 'synced' || event.type === 'progress') token = event.token;
    if (event.type === 'synced') yield { type: 'synced', token: event.token };
    if (event.type !== 'change') continue;
    const { key, version, deleted, value, expiresAt } = event;
    if (event.token !== undefined) token = event.token;
    const mark = `${version} ${deleted ? 1 : 0}`;
    const before = told.get(key);
    if (before !== undefined && mark <= before) continue;
    told.delete(key);
    told.set(key, mark);
    if (told.size > MAX_KEYS) told.delete(told.keys().next().value as string);
    yield {
      type: 'change',
      key,
      version,
      deleted,
      ...(value && { value }),
      ...(expiresAt !== undefined && { expiresAt }),
      token,
      text: () => new TextDecoder().decode(value),
    };
  }
}
