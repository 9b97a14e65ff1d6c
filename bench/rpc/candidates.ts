/** The caller's side of each candidate: calls and bulk bytes for a given time. */
import { connect } from 'node:tls';
import { createSystemClock } from '../../packages/node/src/core/clock/index.ts';
import { silentLogger } from '../../packages/node/src/core/log/index.ts';
import { createRpc } from '../../packages/node/src/core/rpc/index.ts';
import {
  ACK_BYTES,
  BULK_BYTES,
  CHUNK_BYTES,
  createBenchNet,
  framed,
  MESSAGE_BYTES,
  messageReader,
  type ServerReady,
  SINK,
  STREAM_ECHO,
  work,
} from './work.ts';

const BODIES_IN_FLIGHT = 8;

export interface Candidate extends AsyncDisposable {
  readonly name: string;
  /** Calls a second with `inFlight` at a time, each answered with its own body. */
  calls?(inFlight: number, seconds: number): Promise<number>;
  /** Bytes a second, as one stream from one buffer. */
  stream?(seconds: number): Promise<number>;
  /** Bytes a second as bodies of 1 MiB that the other side gathers and confirms, 8 in flight. */
  bodies?(seconds: number): Promise<number>;
}

export async function connectAll(ready: ServerReady): Promise<Candidate[]> {
  const net = await createBenchNet();
  await net.start();
  const peerId = await net.dial(ready.addresses, { signal: AbortSignal.timeout(10_000) });
  const rpc = createRpc({ net, clock: createSystemClock(), log: silentLogger });
  const never = new AbortController().signal;
  const message = { key: 'k'.repeat(16), value: new Uint8Array(MESSAGE_BYTES - 16 - 16).fill(7) };
  const bulk = { value: new Uint8Array(BULK_BYTES).fill(7) };
  const nothing = { async [Symbol.asyncDispose]() {} };

  return [
    tlsCandidate(ready.tlsPort),
    {
      name: 'rpc',
      calls: (inFlight, seconds) =>
        repeat(inFlight, seconds, async () => {
          const answer = await rpc.call(peerId, work, 'echo', message, { timeoutMs: 5_000 });
          if (answer.value.length !== message.value.length) throw new Error('a wrong answer');
        }),
      bodies: async (seconds) =>
        BULK_BYTES *
        (await repeat(BODIES_IN_FLIGHT, seconds, async () => {
          await rpc.call(peerId, work, 'store', bulk, { timeoutMs: 30_000 });
        })),
      async [Symbol.asyncDispose]() {
        await rpc[Symbol.asyncDispose]();
        await net[Symbol.asyncDispose]();
      },
    },
    {
      ...nothing,
      name: 'channel with drained()',
      async stream(seconds) {
        const channel = await net.open(peerId, SINK, { signal: never });
        let acked = 0;
        channel.receive(
          (chunk) => {
            acked += chunk.length * ACK_BYTES;
          },
          () => {},
        );
        const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
        const start = performance.now();
        while (performance.now() - start < seconds * 1_000) {
          if (!channel.send(chunk)) await channel.drained();
        }
        const took = performance.now() - start;
        const result = acked / (took / 1_000);
        channel.close();
        return result;
      },
    },
    {
      ...nothing,
      name: 'libp2p stream per call',
      calls: (inFlight, seconds) =>
        repeat(inFlight, seconds, async () => {
          const channel = await net.open(peerId, STREAM_ECHO, { signal: never });
          const answer = Promise.withResolvers<void>();
          channel.receive(
            messageReader(() => answer.resolve()),
            (error) => answer.reject(error ?? new Error('ended early')),
          );
          channel.send(framed(new Uint8Array(MESSAGE_BYTES).fill(7)));
          await answer.promise;
          channel.close();
        }),
    },
  ];
}

function tlsCandidate(port: number): Candidate {
  const open = async (mode: 1 | 2 | 3) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    socket.setNoDelay(true);
    socket.write(Uint8Array.of(mode));
    return socket;
  };
  return {
    name: 'node:tls',
    async [Symbol.asyncDispose]() {},
    async calls(inFlight, seconds) {
      const socket = await open(1);
      const waiting: (() => void)[] = [];
      let queued: Buffer[] = [];
      const flush = () => {
        socket.write(queued.length === 1 ? (queued[0] as Buffer) : Buffer.concat(queued));
        queued = [];
      };
      const read = messageReader(() => waiting.shift()?.());
      socket.on('data', read);
      const message = new Uint8Array(MESSAGE_BYTES).fill(7);
      const result = await repeat(inFlight, seconds, () => {
        if (queued.length === 0) queueMicrotask(flush);
        queued.push(framed(message));
        return new Promise<void>((resolve) => waiting.push(resolve));
      });
      socket.destroy();
      return result;
    },
    async bodies(seconds) {
      const socket = await open(3);
      const waiting: (() => void)[] = [];
      socket.on('data', (chunk: Buffer) => {
        for (let count = 0; count < chunk.length; count++) waiting.shift()?.();
      });
      const body = new Uint8Array(BULK_BYTES).fill(7);
      const result = await repeat(BODIES_IN_FLIGHT, seconds, () => {
        socket.write(framed(body));
        return new Promise<void>((resolve) => waiting.push(resolve));
      });
      socket.destroy();
      return result * BULK_BYTES;
    },
    async stream(seconds) {
      const socket = await open(2);
      let acked = 0;
      socket.on('data', (chunk: Buffer) => {
        acked += chunk.length * ACK_BYTES;
      });
      const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
      const start = performance.now();
      while (performance.now() - start < seconds * 1_000) {
        if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
      }
      const result = acked / ((performance.now() - start) / 1_000);
      socket.destroy();
      return result;
    },
  };
}

/** Keeps `inFlight` calls going for the time; calls a second. */
async function repeat(inFlight: number, seconds: number, call: () => Promise<void>): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1_000;
  let done = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < end) {
        await call();
        done++;
      }
    }),
  );
  return done / ((performance.now() - start) / 1_000);
}
