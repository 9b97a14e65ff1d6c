/** What the node's metrics tell of memory and of messages. */
import { bad, type Finding, good } from './finding.ts';

/** Sum over all labels of a metric; undefined where there is none. */
export function metricOf(text: string, name: string): number | undefined {
  let sum: number | undefined;
  for (const line of text.split('\n')) {
    const match = /^([a-z0-9_]+)(?:\{[^}]*\})? (\S+)$/.exec(line);
    if (match?.[1] === name && Number.isFinite(Number(match[2]))) sum = (sum ?? 0) + Number(match[2]);
  }
  return sum;
}

export function checkMessages(text: string): Finding[] {
  const missed = metricOf(text, 'p2pos_pubsub_missed');
  if (missed === undefined) return [];
  if (missed === 0) return [good('messages', 'no subscriber of this node missed a message')];
  const what = `subscribers of this node missed ${missed} messages since it started: they were too slow, or the publisher was out of reach`;
  return [
    bad(
      'messages',
      what,
      'make the topic durable, or read faster: a subscriber that is slow is told of each gap',
    ),
  ];
}
