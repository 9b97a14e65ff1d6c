/**
 * Releases among each other (docs/guide/versioning.md): what each recorded release said is said to today's node, and today's
 * client hears what its node said. `evolution/record.ts` records a release.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { decodeCbor, encodeCbor } from '@p2pos/protocol';
import * as today from '@p2pos/sdk';
import { assertStillThere, type Exchange, type Frame, read, withMore } from './evolution/recording.ts';
import { createSampleDoor } from './evolution/sample-door.ts';

type Sdk = Pick<typeof today, 'connect'>;
type AnyCall = (id: string, input: unknown) => Promise<unknown>;
type AnySubscribe = (kind: string, input: unknown) => AsyncIterable<Frame>;

const folder = new URL('./evolution/', import.meta.url);
const releases = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());

/** Bytes as they are, whatever class of bytes. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

function assertSame(now: unknown, before: unknown, what: string): void {
  assert.deepEqual(plain(now), plain(before), what);
}

for (const { name: version } of releases)
  describe(`release ${version}`, async () => {
    const old = (await import(new URL(`${version}/sdk.mjs`, folder).href)) as Sdk;
    const { exchanges, followed } = read(readFileSync(new URL(`${version}/recording.json`, folder), 'utf8'));
    const heard = new Map<string, Record<string, unknown>>();
    const door = await createSampleDoor((id, input) => heard.set(id, input));
    after(() => door[Symbol.asyncDispose]());

    it("its requests, byte for byte, are understood by today's node and answered as before", async () => {
      for (const { id, input, request, response } of exchanges) {
        const answer = await fetch(door.url + request.target, {
          method: request.method,
          headers: { ...request.headers, authorization: `Bearer ${door.token}` },
          body: request.body as BodyInit | null,
        });
        assert.equal(answer.status, response.status, `${id}: ${await answer.clone().text()}`);
        assertSame(heard.get(id), input, id);
        for (const header of Object.keys(response.headers))
          assert.ok(answer.headers.has(header), `${id}: ${header} is gone`);
        if (!answer.headers.get('content-type')?.startsWith('application/json')) continue;
        const before = JSON.parse(Buffer.from(response.body).toString());
        assertStillThere(before, await answer.json(), id);
      }
    });

    for (const transport of ['http', 'socket'] as const)
      it(`its client and today's node, by ${transport}`, async () => {
        await using client = old.connect({ url: door.url, token: door.token, transport });
        for (const { id, input, output } of exchanges) {
          assertStillThere(output, await (client.call as AnyCall)(id, input), id);
          assertSame(heard.get(id), input, id);
        }
      });

    it("its client follows streams of today's node", async () => {
      await using client = old.connect({ url: door.url, token: door.token });
      for (const { kind, input, events } of followed) {
        const told = await collect(client.subscribe as never, kind, input, events.length);
        for (const event of events)
          assertStillThere(
            event,
            told.find(({ type }) => type === event.type),
            `${kind} ${event.type}`,
          );
      }
    });

    for (const later of [false, true]) {
      const what = later ? 'a node that says more than it did' : 'its node';
      const more = later ? withMore : (value: unknown) => value;
      const clients = { "today's client": today as Sdk, ...(later && { 'its client': old }) };
      for (const [who, sdk] of Object.entries(clients)) {
        it(`${who} and ${what}, by HTTP`, async () => {
          const play = playHttp(exchanges, more);
          await using client = sdk.connect({
            url: 'http://recorded',
            token: 't',
            fetch: play,
            maxAttempts: 1,
          });
          for (const { id, input, output } of exchanges)
            assertStillThere(output, await (client.call as AnyCall)(id, input), id);
        });

        it(`${who} and ${what}, by socket`, async () => {
          const WebSocket = playSocket(exchanges, followed, more);
          const settings = { url: 'http://recorded', token: 't', WebSocket, maxAttempts: 1 };
          await using client = sdk.connect({ ...settings, transport: 'socket' });
          for (const { id, input, output, socket } of exchanges)
            if (socket) assertStillThere(output, await (client.call as AnyCall)(id, input), id);
          for (const { kind, input, events } of followed) {
            const told = await collect(client.subscribe as never, kind, input, events.length);
            for (const [i, event] of events.entries())
              assertStillThere(event, told[i], `${kind} ${event.type}`);
          }
        });
      }
    }

    it('a code of a later node is an error that its status judges', async () => {
      for (const [status, retry] of [
        [418, false],
        [503, true],
      ] as const)
        for (const sdk of [today, old] as Sdk[]) {
          const refuse: typeof fetch = async () =>
            Response.json({ code: 'LATER_CODE', message: 'later', details: {}, requestId: 'r' }, { status });
          await using client = sdk.connect({ url: 'http://recorded', fetch: refuse, maxAttempts: 1 });
          await assert.rejects(client.kv.get('a'), { code: 'LATER_CODE', retry, status });
        }
    });
  });

async function collect(
  subscribe: AnySubscribe,
  kind: string,
  input: unknown,
  count: number,
): Promise<Frame[]> {
  const told: Frame[] = [];
  for await (const event of subscribe(kind, input)) if (told.push(event) === count) break;
  return told;
}

/** Answers the very requests that were recorded, and no others. */
function playHttp(exchanges: readonly Exchange[], more: (value: unknown) => unknown): typeof fetch {
  return async (url, init = {}) => {
    const { authorization: _, ...headers } = init.headers as Record<string, string>;
    const body = init.body ? Uint8Array.from(await new Response(init.body).bytes()) : null;
    const target = String(url).slice('http://recorded'.length);
    const asked = { method: init.method, target, headers, body };
    const found = exchanges.find(
      ({ request }) => request.method === asked.method && request.target === target,
    );
    assert.ok(found, `nothing was recorded for ${init.method} ${target}`);
    assertSame(asked, found.request, found.id);
    const { status, headers: answered, body: bytes } = found.response;
    const isJson = answered['content-type']?.startsWith('application/json');
    const text = isJson ? JSON.stringify(more(JSON.parse(Buffer.from(bytes).toString()))) : bytes;
    const { 'content-length': length, ...rest } = answered;
    const kept = init.method === 'HEAD' && length !== undefined ? { 'content-length': length } : {};
    return new Response(init.method === 'HEAD' ? null : (text as BodyInit), {
      status,
      headers: { ...rest, ...kept, 'x-p2pos-later': '1' },
    });
  };
}

function playSocket(
  exchanges: readonly Exchange[],
  followed: ReturnType<typeof read>['followed'],
  more: (value: unknown) => unknown,
): typeof WebSocket {
  class Played {
    binaryType = '';
    readyState = 0;
    onopen = () => {};
    onmessage = (_: { readonly data: ArrayBuffer }) => {};
    onclose = (_: { readonly code: number; readonly reason: string }) => {};

    constructor() {
      queueMicrotask(() => {
        this.readyState = 1;
        this.onopen();
      });
    }

    send(data: Uint8Array): void {
      const frames = (decodeCbor(Uint8Array.from(data)) as Frame[]).flatMap((frame) => answer(frame));
      if (frames.length === 0) return;
      const bytes = Uint8Array.from(encodeCbor(frames));
      queueMicrotask(() => this.onmessage({ data: bytes.buffer }));
    }

    close(): void {
      this.readyState = 3;
    }
  }

  function answer({ op, id, ...asked }: Frame): object[] {
    if (op === 'call') {
      const found = exchanges.find((one) => one.id === asked['method']);
      assert.ok(found?.socket, String(asked['method']));
      assertSame(asked['input'] ?? {}, found.socket.input ?? {}, found.id);
      return [more({ id, type: 'result', output: found.socket.output }) as object];
    }
    if (op !== 'subscribe') return [];
    const found = followed.find(({ kind }) => kind === asked['kind']);
    assert.ok(found);
    assertSame(asked, found.asked, found.kind);
    return found.frames.map((frame) => more({ id, ...frame }) as object);
  }

  return Played as unknown as typeof WebSocket;
}
