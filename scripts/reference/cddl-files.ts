/** Two files of CDDL: what the WebSocket door speaks as `p2pos.cbor`, and what nodes ask each other. */
import { contract, streams } from '../../packages/protocol/src/contract/contract.ts';
import {
  ClientFrame,
  type Route,
  routeFields,
  SOCKET_CBOR,
  SOCKET_PATH,
  type Stream,
} from '../../packages/protocol/src/index.ts';
import { CAPABILITIES } from './capabilities.ts';
import { members, rule } from './cddl.ts';

const generated = (source: string) => `; Generated from ${source} by scripts/reference.ts. Do not edit.\n`;

export function socketCddl(): string {
  const operations = Object.entries<Readonly<Record<string, Route>>>(contract).flatMap(
    ([capability, routes]) =>
      Object.entries(routes).map(([name, route]): [string, Route] => [`${capability}.${name}`, route]),
  );
  const kinds = Object.entries<Stream>(streams);
  const frames = Object.fromEntries(
    ClientFrame.options.map((one) => [[...one.shape.op.values][0], one.shape]),
  );
  const events = kinds.flatMap(([kind, { opened, events: types }]) =>
    Object.entries({ open: opened, ...types }).map(([type, { shape }]): [string, string] => [
      `${kind}.${type}`,
      `{\n  id: id,\n  type: "${type}",\n${members(shape, '  ')}  * tstr => any,\n}`,
    ]),
  );
  return `${generated('packages/protocol/src/contract')}
; One binary message of ${SOCKET_PATH} under the subprotocol ${SOCKET_CBOR} (RFC 8610): frames of one side, in their order. Names
; of fields are those in code; what HTTP carries as text travels as that text, JSON bodies as they are, bytes as byte strings.
from-client = [1*1024 client-frame]
from-node = [1* node-frame]

id = uint / tstr ; chosen by the client, for as long as what it names goes on

client-frame = auth / call / cancel / subscribe / unsubscribe / ping
auth = {\n${members(frames['auth'] as never, '  ')}}
call = {
  op: "call",
  id: id,
  ? timeoutMs: uint,
  operation,
}
operation = (
${operations.map(([name]) => `  (method: "${name}", input: ${name}.input)`).join(' //\n')}
)
cancel = { op: "cancel", id: id }
subscribe = ${kinds.map(([kind]) => `subscribe.${kind}`).join(' / ')}
${kinds.map(([kind, { input }]) => `subscribe.${kind} = {\n  op: "subscribe",\n  id: id,\n  kind: "${kind}",\n${members(input, '  ')}}`).join('\n')}
unsubscribe = { op: "unsubscribe", id: id }
ping = { op: "ping" }

; A client overlooks fields, and types of events, that it does not know.
node-frame = ready / pong / result / error / end / event
ready = { type: "ready", app: tstr, * tstr => any }
pong = { type: "pong", * tstr => any }
result = { id: id, type: "result", output: output, * tstr => any }
error = {
  ? id: id, ; without it the socket ends
  type: "error",
  code: tstr,
  message: tstr,
  details: {* tstr => any},
  status: 400..599,
  requestId: tstr,
  * tstr => any,
}
end = { id: id, type: "end", * tstr => any }
event = ${events.map(([name]) => name).join(' / ')}
output = ${operations.map(([name]) => `${name}.output`).join(' / ')}

${events.map(([name, type]) => `${name} = ${type}\n`).join('')}
${operations.map(([name, route]) => `; ${route.method} ${route.path}\n${inputRule(name, route)}${outputRule(name, route)}`).join('\n')}`;
}

function inputRule(name: string, route: Route): string {
  const fields = Object.fromEntries(routeFields(route).map((field) => [field.name, field.schema]));
  const { body } = route;
  const bytes = body?.kind === 'bytes' ? `  body: bstr, ; at most ${body.maxBytes} bytes\n` : '';
  const all = members({ ...fields, ...(body?.kind === 'json' && { body: body.schema }) }, '  ') + bytes;
  return all === '' ? `${name}.input = {}\n` : `${name}.input = {\n${all}}\n`;
}

function outputRule(name: string, { output }: Route): string {
  if (output.kind === 'json') return rule(`${name}.output`, output.schema);
  const fields = Object.fromEntries(
    Object.entries(output.headers).map(([field, { schema }]) => [field, schema]),
  );
  return `${name}.output = {\n${members(fields, '  ')}${output.kind === 'bytes' ? '  body: bstr,\n' : ''}}\n`;
}

export function peersCddl(): string {
  const parts = CAPABILITIES.map(({ protocol, methods }) => {
    const [, capability] = /^\/p2pos\/([\w-]+)\//.exec(protocol) ?? [];
    const rules = Object.entries(methods).map(
      ([name, { id, input, output, maxBodyBytes = 1_048_576 }]) =>
        `; method ${id}, at most ${maxBodyBytes} bytes\n${rule(`${capability}.${name}.input`, input)}${rule(`${capability}.${name}.output`, output)}`,
    );
    return `; ${protocol}\n${rules.join('')}`;
  });
  return `${generated("the capabilities' wire.ts")}
; What nodes ask each other: bodies of calls and answers, deterministic CBOR. The frames that carry them are described in
; packages/protocol/src/rpc/wire/frame.ts, signed documents in packages/protocol/cddl/documents.cddl. A list of any is checked by hand
; because much passes through it; its elements are described in the capability's wire.ts.

${parts.join('\n')}`;
}
