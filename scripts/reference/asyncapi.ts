/** The AsyncAPI 3.0 document of the WebSocket door (https://www.asyncapi.com/docs/reference/specification/v3.0.0). */
import { contract, streams } from '../../packages/protocol/src/contract/contract.ts';
import {
  MAX_SOCKET_MESSAGE_BYTES,
  type Route,
  SOCKET_CBOR,
  SOCKET_HEARTBEAT_MS,
  SOCKET_JSON,
  SOCKET_PATH,
  type Stream,
} from '../../packages/protocol/src/index.ts';
import {
  eventSchema,
  idSchema,
  inputSchema,
  type Json,
  objectOf,
  outputSchema,
  SHARED,
  subscribeSchema,
} from './wire-schemas.ts';

const text = { type: 'string' };
const DESCRIPTION = `Calls of every operation and subscriptions of every stream over one socket. The subprotocol ${SOCKET_JSON} carries one JSON object a
text message; ${SOCKET_CBOR} one CBOR array of frames a binary message. A client that says nothing sends ping every ${SOCKET_HEARTBEAT_MS} ms. A message
has at most ${MAX_SOCKET_MESSAGE_BYTES} bytes.`;

interface Message {
  readonly summary: string;
  readonly payload: Json;
}

export function asyncApi(): string {
  const schemas: Record<string, Json> = { ...SHARED };
  const calls: Json[] = [];
  for (const [name, route] of operations()) {
    schemas[`${name}.input`] = inputSchema(route);
    schemas[`${name}.output`] = outputSchema(route);
    const input = { $ref: `#/components/schemas/${name}.input` };
    calls.push({ title: name, description: route.summary, properties: { method: { const: name }, input } });
  }
  const received = clientFrames(calls);
  const sent = serverFrames();
  const messages = { ...received, ...sent };
  const refs = (names: Readonly<Record<string, Message>>) =>
    Object.keys(names).map((name) => ({ $ref: `#/channels/door/messages/${name}` }));
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'P2POS, the WebSocket door of a node',
      version: '1.0.0',
      description: DESCRIPTION.replaceAll('\n', ' '),
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { node: { host: '127.0.0.1:4180', protocol: 'ws' } },
    channels: {
      door: {
        address: SOCKET_PATH,
        messages: Object.fromEntries(
          Object.entries(messages).map(([name, { summary, payload }]) => [name, { name, summary, payload }]),
        ),
      },
    },
    operations: {
      take: { action: 'receive', channel: { $ref: '#/channels/door' }, messages: refs(received) },
      tell: { action: 'send', channel: { $ref: '#/channels/door' }, messages: refs(sent) },
    },
    components: { schemas },
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

export function clientFrames(calls: readonly Json[]): Record<string, Message> {
  const simple = (op: string, id: boolean) =>
    objectOf({ op: { const: op }, ...(id && { id: idSchema }) }, id ? ['op', 'id'] : ['op']);
  const call = objectOf(
    {
      op: { const: 'call' },
      id: idSchema,
      method: text,
      input: { type: 'object' },
      timeoutMs: { type: 'integer', minimum: 1 },
    },
    ['op', 'id', 'method'],
  );
  const subscriptions = Object.entries<Stream>(streams).map(([kind, stream]): [string, Message] => [
    `subscribe.${kind}`,
    { summary: stream.summary, payload: subscribeSchema(kind, stream) },
  ]);
  return {
    auth: {
      summary:
        'Says who the client is; without an Authorization header within 5 s, while no call or subscription goes on.',
      payload: objectOf({ op: { const: 'auth' }, token: text, app: text }, ['op', 'token']),
    },
    call: { summary: 'Calls an operation.', payload: { ...call, ...(calls.length > 0 && { oneOf: calls }) } },
    cancel: { summary: 'Gives up on a call.', payload: simple('cancel', true) },
    ...Object.fromEntries(subscriptions),
    unsubscribe: { summary: 'Ends a subscription.', payload: simple('unsubscribe', true) },
    ping: { summary: 'Says that the client is there.', payload: simple('ping', false) },
  };
}

export function serverFrames(): Record<string, Message> {
  const frame = (type: string, properties: Readonly<Record<string, Json>>, required: readonly string[]) => ({
    type: 'object',
    properties: { type: { const: type }, ...properties },
    required: ['type', ...required],
  });
  const error = {
    id: idSchema,
    code: text,
    message: text,
    details: { type: 'object' },
    status: { type: 'integer' },
    requestId: text,
  };
  const events = Object.entries<Stream>(streams).flatMap(([kind, { opened, events: types }]) =>
    Object.entries({ open: opened, ...types }).map(([type, fields]): [string, Message] => [
      `${kind}.${type}`,
      { summary: `The stream ${kind}: ${type}.`, payload: eventSchema(type, fields) },
    ]),
  );
  return {
    ready: {
      summary: 'The token holds; the app that it acts in.',
      payload: frame('ready', { app: text }, ['app']),
    },
    pong: { summary: 'Answers ping.', payload: frame('pong', {}, []) },
    result: {
      summary: 'Ends a call: the output of its operation.',
      payload: frame('result', { id: idSchema, output: {} }, ['id', 'output']),
    },
    error: {
      summary: 'Ends a call or a subscription; without an id, the socket.',
      payload: frame('error', error, ['code', 'message', 'details', 'status', 'requestId']),
    },
    end: { summary: 'Ends a subscription.', payload: frame('end', { id: idSchema }, ['id']) },
    ...Object.fromEntries(events),
  };
}

function operations(): [string, Route][] {
  return Object.entries<Readonly<Record<string, Route>>>(contract).flatMap(([capability, routes]) =>
    Object.entries(routes).map(([name, route]): [string, Route] => [`${capability}.${name}`, route]),
  );
}
