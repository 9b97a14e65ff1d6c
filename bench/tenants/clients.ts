/** WebSocket clients of one app, as light as can be: one `kv.get` after another at a pace, and how long each took. */
import { WebSocket } from 'ws';

export interface Crowd {
  readonly urls: readonly string[];
  readonly token: string;
  readonly clients: number;
}

export interface Outcome {
  readonly asked: number;
  readonly taken: number;
  readonly refused: number;
  readonly latenciesMs: readonly number[];
  /** Not answered in time. */
  readonly missing: number;
  /** Codes of refusals, each with its number. */
  readonly codes: Readonly<Record<string, number>>;
  /** Sockets that ended by themselves. */
  readonly lost: number;
  /** From the first question until nobody waited for answers any more. */
  readonly elapsedMs: number;
}

export interface Order {
  readonly perSecond: number;
  readonly seconds: number;
  readonly patienceMs: number;
}

export interface OpenCrowd {
  /** All clients together ask so often a second; after the last question answers are waited for so long. */
  ask(order: Order): Promise<Outcome>;
  close(): void;
}

const TICK_MS = 10;

export async function openCrowd({ urls, token, clients }: Crowd): Promise<OpenCrowd> {
  const pending = new Map<number, { readonly at: number; readonly done: () => void }>();
  let latencies: number[] = [];
  let codes: Record<string, number> = {};
  let lost = 0;
  let nextId = 1;
  const sockets: WebSocket[] = [];
  // In small groups: a thousand handshakes at once is another test.
  for (let first = 0; first < clients; first += 50) {
    const group = Array.from({ length: Math.min(50, clients - first) }, (_, i) =>
      open(urls[(first + i) % urls.length] as string),
    );
    sockets.push(...(await Promise.all(group)));
  }

  async function open(url: string): Promise<WebSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, 'p2pos.json', {
      headers: { authorization: `Bearer ${token}` },
    });
    socket.on('message', (data) => {
      const { id, type, code } = JSON.parse(String(data));
      const call = pending.get(id);
      if (!call) return;
      pending.delete(id);
      if (type === 'result') latencies.push(performance.now() - call.at);
      else codes[code] = (codes[code] ?? 0) + 1;
      call.done();
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.on('error', reject);
    });
    socket.once('close', () => lost++);
    return socket;
  }

  return {
    async ask({ perSecond, seconds, patienceMs }) {
      latencies = [];
      codes = {};
      lost = 0;
      const answers: Promise<void>[] = [];
      const started = performance.now();
      let asked = 0;
      while (performance.now() - started < seconds * 1_000) {
        const due = ((performance.now() - started) / 1_000) * perSecond;
        for (; asked < due; asked++) {
          const id = nextId++;
          const { promise, resolve } = Promise.withResolvers<void>();
          answers.push(promise);
          pending.set(id, { at: performance.now(), done: resolve });
          sockets[asked % sockets.length]?.send(
            `{"op":"call","id":${id},"method":"kv.get","input":{"key":"k"}}`,
          );
        }
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
      await Promise.race([Promise.all(answers), new Promise((resolve) => setTimeout(resolve, patienceMs))]);
      const refused = Object.values(codes).reduce((sum, count) => sum + count, 0);
      const missing = asked - latencies.length - refused;
      const elapsedMs = performance.now() - started;
      const taken = latencies.length;
      return { asked, taken, refused, missing, latenciesMs: latencies, codes, lost, elapsedMs };
    },
    close() {
      for (const socket of sockets) socket.terminate();
    },
  };
}
