/**
 * Records this release for the test of evolution: `node e2e/evolution/record.ts 0.1.0`, once, when it is released. What was recorded
 * is never recorded anew: a later release that does not pass has broken the contract.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { contract, decodeCbor, type Route, type Stream, type StreamKind, streams } from '@p2pos/protocol';
import { connect } from '@p2pos/sdk';
import { build, type Rolldown } from 'vite';
import { inputSample } from '../../packages/node/src/testing/contract-samples.ts';
import { type Exchange, type Followed, type Frame, write } from './recording.ts';
import { createSampleDoor, streamInput } from './sample-door.ts';

const version = process.argv[2] ?? '';
if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error('Name the release: node e2e/evolution/record.ts 0.1.0');
const folder = new URL(`./${version}/`, import.meta.url);
mkdirSync(folder, { recursive: true });

await using door = await createSampleDoor();
const exchanges: Exchange[] = [];
let last: Pick<Exchange, 'request' | 'response'> | undefined;
/** Of the socket, decoded. */
let sent: Frame[] = [];
let got: Frame[] = [];

class Recorded extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    this.addEventListener('message', ({ data }) =>
      got.push(...framesOf(new Uint8Array(data as ArrayBuffer))),
    );
  }

  override send(data: Parameters<WebSocket['send']>[0]): void {
    sent.push(...framesOf(data as Uint8Array));
    super.send(data);
  }
}

function framesOf(bytes: Uint8Array): Frame[] {
  return decodeCbor(bytes, { maxBytes: 1e8 }) as Frame[];
}

const record: typeof fetch = async (url, init = {}) => {
  const response = await fetch(url, init);
  const { authorization: _, ...headers } = init.headers as Record<string, string>;
  const body = init.body === null || init.body === undefined ? null : await new Response(init.body).bytes();
  const kept = ['content-type', 'etag', 'content-length'];
  const answered = [...response.headers].filter(
    ([name]) => name.startsWith('x-p2pos-') || kept.includes(name),
  );
  last = {
    request: { method: init.method ?? 'GET', target: String(url).slice(door.url.length), headers, body },
    response: {
      status: response.status,
      headers: Object.fromEntries(answered),
      body: await response.clone().bytes(),
    },
  };
  return response;
};

{
  await using http = connect({ url: door.url, token: door.token, fetch: record });
  await using socket = connect({
    url: door.url,
    token: door.token,
    WebSocket: Recorded,
    transport: 'socket',
  });
  for (const [capability, routes] of Object.entries(contract)) {
    if (capability === 'dev' || capability === 'session') continue;
    for (const [name, route] of Object.entries<Route>(routes)) {
      const input = inputSample(route);
      const output = await http.call(route, input as never);
      [sent, got] = [[], []];
      await socket.call(route, input as never);
      const call = sent.find(({ op }) => op === 'call');
      const result = got.find(({ type }) => type === 'result');
      exchanges.push({
        id: `${capability}.${name}`,
        input,
        output,
        ...(last as Pick<Exchange, 'request' | 'response'>),
        socket: call && result ? { input: call['input'], output: result['output'] } : null,
      });
    }
  }
}

const followed: Followed[] = [];
for (const [kind, { events }] of Object.entries<Stream>(streams)) {
  await using client = connect({ url: door.url, token: door.token, WebSocket: Recorded });
  const input = streamInput(kind as StreamKind);
  [sent, got] = [[], []];
  const told: Frame[] = [];
  for await (const event of client.subscribe(kind as StreamKind, input as never)) {
    told.push(event as Frame);
    if (told.length === 1 + Object.keys(events).length) break;
  }
  const { op: _, id, ...asked } = sent.find((frame) => frame['op'] === 'subscribe') as Frame;
  const frames = got.filter((frame) => frame['id'] === id).map(({ id: __, ...frame }) => frame as Frame);
  followed.push({ kind, input, asked, frames, events: told });
}

writeFileSync(new URL('recording.json', folder), write({ exchanges, followed }));
const built = (await build({
  configFile: false,
  logLevel: 'error',
  build: {
    write: false,
    minify: true,
    lib: {
      entry: fileURLToPath(new URL('../../packages/sdk/src/index.ts', import.meta.url)),
      formats: ['es'],
    },
  },
})) as Rolldown.RolldownOutput[];
const [bundle] = built.flatMap(({ output }) => output) as Rolldown.OutputChunk[];
writeFileSync(new URL('sdk.mjs', folder), bundle?.code ?? '');
console.log(`${exchanges.length} operations, ${followed.length} streams`);
