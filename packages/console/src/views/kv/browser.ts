/** Keys page by page, one value, and who holds it. */
import type { Explanation } from '@p2pos/protocol';
import { computed, ref, shallowRef } from 'vue';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { texts } from '../../texts.ts';
import { textOf } from '../overview/key-panel.ts';

const t = texts.kv;
const PAGE = 100;

interface Shown {
  readonly key: string;
  readonly version: string;
  readonly bytes: number;
  readonly expiresAt: string | undefined;
  readonly explain: Explanation | undefined;
}

export function useKvBrowser({ source: { client }, nameOf }: System) {
  const prefix = ref('');
  const keys = shallowRef<readonly string[]>([]);
  const cursor = shallowRef<string>();
  const shown = shallowRef<Shown>();
  const value = ref('');
  const key = ref('');
  const listing = createTask();
  const task = createTask();

  async function list(more = false): Promise<void> {
    await listing.latest(async () => {
      const at = more ? cursor.value : undefined;
      const page = await client?.kv.page({ prefix: prefix.value, limit: PAGE, ...(at && { cursor: at }) });
      keys.value = more ? [...keys.value, ...(page?.keys ?? [])] : (page?.keys ?? []);
      cursor.value = page?.cursor ?? undefined;
      return undefined;
    });
  }

  async function read(name: string): Promise<string | undefined> {
    const entry = await client?.kv.get(name, { explain: true });
    key.value = name;
    if (!entry) {
      shown.value = undefined;
      return texts.key.absent;
    }
    value.value = textOf(entry.value);
    const { version, expiresAt, explain } = entry;
    shown.value = {
      key: name,
      version,
      bytes: entry.value.length,
      expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt).toLocaleString(),
      explain,
    };
    return undefined;
  }

  const replicas = computed(() => {
    const explain = shown.value?.explain;
    return (explain?.replicas ?? []).map((peerId) => {
      const answer = explain?.answered.find((one) => one.peerId === peerId);
      return {
        peerId,
        name: nameOf(peerId),
        said: answer ? t.answered(answer.result, answer.ms) : t.notAsked,
      };
    });
  });

  return {
    prefix,
    keys,
    cursor,
    key,
    value,
    shown,
    replicas,
    listing,
    task,
    list,
    read: (name: string) => task.latest(() => read(name)),
    store: () =>
      task.run(async () => {
        // What stands there for bytes that are no text must not become the value.
        if (shown.value?.key === key.value && value.value === texts.key.binary(shown.value.bytes))
          throw new Error(t.noText);
        const receipt = await client?.kv.put(key.value, value.value);
        await read(key.value);
        await list();
        return receipt && t.stored(receipt.durable);
      }),
    remove: () =>
      task.run(async () => {
        const deletion = await client?.kv.delete(key.value);
        shown.value = undefined;
        await list();
        return deletion?.existed ? texts.key.deleted : texts.key.absent;
      }),
  };
}
