/** Topics as they happen: subscribe to a pattern, publish, see who listens. */
import type { TopicPresence } from '@p2pos/protocol';
import { onScopeDispose, ref, shallowRef } from 'vue';
import type { System } from '../../system.ts';
import { createTask, wordsOf } from '../../task.ts';
import { texts } from '../../texts.ts';
import { textOf } from '../overview/key-panel.ts';

const t = texts.topics;
const MAX_MESSAGES = 200;
const TOPICS_EVERY_MS = 2_000;

export interface Heard {
  readonly id: number;
  readonly at: string;
  readonly topic: string;
  readonly from: string;
  readonly text: string;
  readonly kind: 'message' | 'note';
}

export function useListening({ source: { client }, nameOf }: System) {
  const pattern = ref('>');
  const listeningTo = ref('');
  const heard = shallowRef<readonly Heard[]>([]);
  const topics = shallowRef<readonly { readonly pattern: string; readonly nodes: number }[]>([]);
  const presence = shallowRef<TopicPresence>();
  const topic = ref('news');
  const message = ref('');
  const listening = createTask();
  const publishing = createTask();
  let following: AbortController | undefined;
  let count = 0;

  function note(one: Omit<Heard, 'id'>): void {
    heard.value = [{ ...one, id: ++count }, ...heard.value].slice(0, MAX_MESSAGES);
  }
  function say(text: string): void {
    note({ at: new Date().toISOString(), topic: '', from: '', text, kind: 'note' });
  }

  async function follow(signal: AbortSignal): Promise<void> {
    for await (const event of client?.pubsub.subscribe(pattern.value, { signal }) ?? []) {
      if (event.type === 'open') say(t.open(event.confirmedBy.length + 1));
      else if (event.type === 'gap') say(t.gap(event.topic, event.from, event.to));
      else if (event.type === 'missed') say(t.missed(event.count));
      else {
        const { at, topic: on, publisher, data } = event;
        note({ at, topic: on, from: nameOf(publisher), text: textOf(data), kind: 'message' });
      }
    }
  }

  function stop(): void {
    following?.abort();
    following = undefined;
    listeningTo.value = '';
  }

  async function look(): Promise<void> {
    topics.value = (await client?.pubsub.topics().catch(() => undefined)) ?? topics.value;
    if (topic.value !== '')
      presence.value = await client?.pubsub.presence(topic.value).catch(() => undefined);
  }
  void look();
  const looking = setInterval(look, TOPICS_EVERY_MS);
  onScopeDispose(() => {
    clearInterval(looking);
    stop();
  });

  return {
    pattern,
    listeningTo,
    heard,
    topics,
    presence,
    topic,
    message,
    listening,
    publishing,
    stop,
    listen() {
      stop();
      listening.clear();
      following = new AbortController();
      listeningTo.value = pattern.value;
      const { signal } = following;
      follow(signal).catch((error: unknown) => {
        if (signal.aborted) return;
        stop();
        Object.assign(listening, { text: wordsOf(error), mood: 'bad' });
      });
    },
    publish: () =>
      publishing.run(async () => {
        const receipt = await client?.pubsub.publish(topic.value, message.value, { ack: 'all' });
        message.value = '';
        return receipt && t.published(receipt.subscribers, receipt.clients);
      }),
  };
}
