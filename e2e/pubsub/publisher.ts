/** A client on one machine that publishes so many a second until its standard input closes; tells what was taken. */
import { connect } from '@p2pos/sdk';
import type { Taken } from './judge.ts';

const { url, token, topic, name, perSecond } = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
await using client = connect({ url: url ?? '', token: token ?? '', maxAttempts: 1, timeoutMs: 5_000 });
const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();
const taken: Taken[] = [];
for (let n = 0; !stop.signal.aborted; n++) {
  const text = `${name} ${n}`;
  try {
    const { id } = await client.pubsub.publish(topic ?? '', text);
    const end = id.lastIndexOf('/');
    taken.push({ source: id.slice(0, end), topic: topic ?? '', seq: Number(id.slice(end + 1)), text });
  } catch {
    // Its node is down; what it was asked for then is nobody's to count.
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000 / Number(perSecond)));
}
process.stdout.write(taken.map((one) => `${JSON.stringify(one)}\n`).join(''));
