/** What is sealed and kept but not yet at a majority: posted again until it is, over failures and restarts. */
import type { Client } from '@p2pos/sdk';
import { type Post, post } from './feed.ts';
import { pause } from './pause.ts';
import type { Change, Store } from './store.ts';

const AGAIN_MS = 2_000;

export interface Outbox {
  /** To be kept together with the state that sealed it. */
  entry(one: Post): Change;
  /** Resolves when a majority has them. Otherwise they stay, and `run` tries again. */
  deliver(posts: readonly Post[]): Promise<void>;
  /** Posts what is left, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createOutbox(
  client: Pick<Client, 'kv' | 'pubsub'>,
  store: Store,
  onSent: (id: string) => void,
): Outbox {
  const nameOf = ({ place, id }: Post) => `outbox/${place}/${id}`;
  const under = new Set<string>();

  async function deliver(posts: readonly Post[]): Promise<void> {
    for (const one of posts) under.add(nameOf(one));
    try {
      for (const one of posts) {
        await post(client, one);
        await store.write([[nameOf(one), undefined]]);
        onSent(one.id);
      }
    } finally {
      for (const one of posts) under.delete(nameOf(one));
    }
  }

  return {
    entry: (one) => [nameOf(one), one],
    deliver,
    async run(signal) {
      while (!signal.aborted) {
        for (const [name, one] of await store.list('outbox/'))
          if (!under.has(name) && !signal.aborted) await deliver([one as Post]).catch(() => {});
        await pause(AGAIN_MS, signal);
      }
    },
  };
}
