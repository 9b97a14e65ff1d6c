/** Data in, data out: stores, reads and deletes a key and says who held it. */
import { computed, ref, shallowRef } from 'vue';
import type { System } from '../../system.ts';
import { createTask } from '../../task.ts';
import { names, texts } from '../../texts.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

export function useKeyPanel({ source: { client }, say, nameOf }: System) {
  const key = ref('greeting');
  const value = ref('hello from five machines');
  const holders = shallowRef<ReadonlySet<string>>(new Set());
  const task = createTask();
  const namesOf = (peerIds: readonly string[]) => names(peerIds.map(nameOf).toSorted());

  async function store(): Promise<string | undefined> {
    const started = performance.now();
    const receipt = await client?.kv.put(key.value, value.value, { explain: true });
    if (!receipt) return undefined;
    const all = receipt.explain?.replicas ?? receipt.replicas;
    holders.value = new Set(all);
    say(texts.key.saidStored(key.value, namesOf(receipt.replicas)));
    const following = all.filter((peerId) => !receipt.replicas.includes(peerId));
    const rest = following.length > 0 ? texts.key.follows(namesOf(following)) : '';
    return texts.key.stored(since(started), namesOf(receipt.replicas), rest);
  }

  async function read(): Promise<string | undefined> {
    const started = performance.now();
    const entry = await client?.kv.get(key.value, { explain: true });
    if (!entry) return texts.key.absent;
    holders.value = new Set(entry.explain?.replicas);
    value.value = textOf(entry.value);
    const from = namesOf((entry.explain?.answered ?? []).map(({ peerId }) => peerId));
    say(texts.key.saidRead(key.value, from));
    return texts.key.readFrom(since(started), entry.value.length, from);
  }

  async function remove(): Promise<string | undefined> {
    const deletion = await client?.kv.delete(key.value);
    holders.value = new Set();
    say(deletion?.existed ? texts.key.saidDeleted(key.value) : texts.key.absent);
    return deletion?.existed ? texts.key.deleted : texts.key.absent;
  }

  const actions = { put: store, get: read, delete: remove } as const;
  return {
    key,
    value,
    holders: computed(() => holders.value),
    task,
    forget: () => (holders.value = new Set()),
    submit(event: SubmitEvent) {
      const action = (event.submitter as HTMLButtonElement | null)?.value ?? 'put';
      void task.run(actions[action as keyof typeof actions] ?? store);
    },
  };
}

export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return texts.key.binary(bytes.length);
  }
}

export function since(started: number): string {
  return `${Math.max(1, Math.round(performance.now() - started))} ms`;
}
