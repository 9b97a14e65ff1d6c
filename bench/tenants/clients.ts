/** WebSocket clients of one app, as light as can be: one `kv.get` after another at a pace, and how long each took. */
import { WebSocket } from 'ws';

export interface Crowd {
  readonly urls: readonly string[];
  readonly token: string;
  readonly clients: number;
}

export interface Outcome {
  readonly taken: number;
  readonly refused: number;
  readonly latenciesMs: readonly number[];
  /** Codes of refusals, each with its number. */
  readonly codes: Readonly<Record<string, number>>;
}

export interface OpenCrowd {
  /** All clients together ask so often a second. */
  ask(perSecond: number, seconds: number): Promise<Outcome>;
  close(): void;
}

const TICK_MS = 10;

export async function openCrowd({ urls, token, clients }: Crowd): Promise<OpenCrowd> {
  const pending = new Map<number, { readonly at: number; readonly done: () => void }>();
  let latencies: number[] = [];
  let codes: Record<string, number> = {};
  let nextId = 1;
  const sockets: WebSocket[] = [];
  // In small groups: a thousand handshakes at once is another test.
  for (let first = 0; first < clients; first += 50) {
    const group = Array.from({ length: Math.min(50, clients - first) }, (_, i) =>
      open(urls[(first + i) % urls.length] as string),
    );
    sockets.push(...(await Promise.all(group)));
  }

  function open(url: string): Promise<WebSocket> {
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
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(socket));
      socket.on('error', reject);
    });
  }

  return {
    async ask(perSecond, seconds) {
      latencies = [];
      codes = {};
      const answers: Promise<void>[] = [];
      const started = performance.now();
      let sent = 0;
      while (performance.now() - started < seconds * 1_000) {
        const due = ((performance.now() - started) / 1_000) * perSecond;
        for (; sent < due; sent++) {
          const id = nextId++;
          answers.push(new Promise((done) => pending.set(id, { at: performance.now(), done })));
          const frame = { op: 'call', id, method: 'kv.get', input: { key: 'k' } };
          sockets[sent % sockets.length]?.send(JSON.stringify(frame));
        }
        await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
      // Who floods does not get all its answers in time; what comes later is not counted.
      await Promise.race([Promise.all(answers), new Promise((resolve) => setTimeout(resolve, 500))]);
      const refused = Object.values(codes).reduce((sum, count) => sum + count, 0);
      return { taken: latencies.length, refused, latenciesMs: latencies, codes };
    },
    close() {
      for (const socket of sockets) socket.terminate();
    },
  };
}
