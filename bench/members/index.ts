/**
 * What many members cost each of them: whole nodes on virtual time and an in-memory network of 5 ms one way, so times are virtual,
 * and messages are counted, not felt. There is no peer to stand beside; a quarter of the members is the baseline.
 */
import type { Net } from '../../packages/node/src/core/net/index.ts';
import { keyedCrypto, keyedSigner } from '../../packages/node/src/testing/simnet/keyed-crypto.ts';
import { createTestnet, type Testnet } from '../../packages/node/src/testing/testnet.ts';
import { type BenchmarkOptions, type BenchmarkReport, median, type Series } from '../report.ts';

const COUNTS = [25, 100];
const HEARTBEAT = '/p2pos/heartbeat/';
/** Two presence intervals. */
const WATCHED_MS = 60_000;

interface Tally {
  chunks: number;
  bytes: number;
}

export async function run({ rounds, say }: BenchmarkOptions): Promise<BenchmarkReport> {
  const series: Series[] = [];
  for (const count of COUNTS) {
    const candidate = `${count} members`;
    const add = (measure: string, values: readonly number[]) => {
      series.push({ measure, candidate, values });
      say(`  ${measure}: ${median(values).toFixed(2)}`);
    };
    say(`${candidate}: starting`);
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const tally: Tally = { chunks: 0, bytes: 0 };
    /** What each says besides where it is, so that it has something to tell. */
    const added = new Map<number, string>();
    await using net = await createTestnet(count, {
      latencyMs: 5,
      // Liveness is not what is measured, and would be most of the work.
      pingIntervalMs: 10_000,
      // Nor are records, of which there are none.
      slots: 64,
      keys: { crypto: keyedCrypto, signerOf: keyedSigner },
      wrap: (i, ports) => ({
        ...ports,
        async openNet(...given) {
          const opened = counting(await ports.openNet(...given), tally);
          const more = () => {
            const address = added.get(i);
            return address === undefined ? [] : [address];
          };
          return { ...opened, addresses: () => [...opened.addresses(), ...more()] };
        },
      }),
    });
    await net.settle();
    await net.clock.advance(WATCHED_MS);

    say(`${candidate}: presence`);
    const [chunks, bytes, accepted] = [[], [], []] as [number[], number[], number[]];
    let heard = 0;
    for (const { presence } of net.nodes) presence.events.on('heartbeat:accepted', () => heard++);
    for (let round = 0; round < rounds; round++) {
      Object.assign(tally, { chunks: 0, bytes: 0 });
      heard = 0;
      await net.clock.advance(WATCHED_MS);
      const perNode = (total: number) => total / count / (WATCHED_MS / 1_000);
      chunks.push(perNode(tally.chunks));
      bytes.push(perNode(tally.bytes) / 1_024);
      accepted.push(perNode(heard));
    }
    add('presence messages sent by a node a second, answers included', chunks);
    add('presence KiB sent by a node a second', bytes);
    add('heartbeats accepted by a node a second', accepted);

    say(`${candidate}: convergence`);
    const [snapshots, states] = [[], []] as [number[], number[]];
    for (let round = 0; round < rounds; round++) {
      snapshots.push(await snapshotMs(net, round));
      states.push(await changeMs(net, round, added));
    }
    add('ms until a new snapshot is in force on all', snapshots);
    add('ms until a change of what a node says of itself is known to all', states);
    globalThis.gc?.();
    add('MiB of memory a node, its store included', [
      (process.memoryUsage().rss - before) / count / 1_048_576,
    ]);
  }
  return { versions: { P2POS: '0.1.0' }, baseline: `${COUNTS[0]} members`, series };
}

async function snapshotMs(net: Testnet, round: number): Promise<number> {
  const from = net.clock.monotonic();
  const at = round % net.nodes.length;
  const pushed = net.change(
    (members) => members.map((member) => ({ ...member, zone: `round/${round}` })),
    at,
  );
  await pushed;
  const { epoch } = net.snapshot.body;
  await net.clock.advanceUntil(
    () => net.nodes.every(({ membership }) => membership.heads().epoch === epoch),
    {
      stepMs: 1,
      limitMs: 120_000,
    },
  );
  const tookMs = net.clock.monotonic() - from;
  await net.settle();
  return tookMs;
}

/** The second that a node waits before it speaks again is over, so this is the way alone. */
async function changeMs(net: Testnet, round: number, added: Map<number, string>): Promise<number> {
  await net.clock.advance(5_000);
  const at = (round * 7 + 3) % net.nodes.length;
  const subject = net.nodes[at];
  if (!subject) throw new RangeError('there is no node');
  const before = subject.presence.sighting(subject.peerId)?.heartbeat.seq ?? 0;
  const from = net.clock.monotonic();
  // Told as a change of state is.
  added.set(at, `/ip4/192.0.2.${round + 1}/tcp/4100/p2p/${subject.peerId}`);
  subject.presence.announce();
  const knows = ({ presence }: Testnet['nodes'][number]) =>
    (presence.sighting(subject.peerId)?.heartbeat.seq ?? 0) > before;
  await net.clock.advanceUntil(() => net.nodes.every(knows), { stepMs: 1, limitMs: 120_000 });
  return net.clock.monotonic() - from;
}

/** Counts what is sent on channels of presence, whoever opened them. */
function counting(net: Net, tally: Tally): Net {
  const counted: Net['open'] = async (peerId, protocol, options) => {
    const channel = await net.open(peerId, protocol, options);
    return protocol.startsWith(HEARTBEAT) ? watch(channel, tally) : channel;
  };
  return {
    ...net,
    open: counted,
    handle: (protocol, handler) =>
      net.handle(
        protocol,
        protocol.startsWith(HEARTBEAT) ? (channel) => handler(watch(channel, tally)) : handler,
      ),
  };
}

function watch(channel: Parameters<Parameters<Net['handle']>[1]>[0], tally: Tally) {
  return {
    ...channel,
    send(chunk: Uint8Array) {
      tally.chunks++;
      tally.bytes += chunk.length;
      return channel.send(chunk);
    },
  };
}
