/** A client on one machine that follows a pattern through the node beside it until its standard input closes; tells all it got. */
import { connect } from '@p2pos/sdk';
import type { Told } from './judge.ts';

const { url, token, pattern } = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
await using client = connect({ url: url ?? '', token: token ?? '', maxAttempts: 1 });
const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();
const all: Told[] = [];
for await (const event of client.pubsub.subscribe(pattern ?? '>', { signal: stop.signal })) {
  if (event.type === 'open') all.push({ type: 'open' });
  else if (event.type === 'missed') all.push({ type: 'missed' });
  else {
    const { type, topic, publisher, incarnation } = event;
    const [from, to] = type === 'gap' ? [event.from, event.to] : [event.seq, event.seq];
    const text = type === 'message' ? event.text() : undefined;
    all.push({ type, source: `${publisher}/${incarnation}`, topic, from, to, ...(text && { text }) });
  }
}
process.stdout.write(all.map((one) => `${JSON.stringify(one)}\n`).join(''));
