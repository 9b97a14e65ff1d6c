import { streams } from '../../packages/protocol/src/contract/contract.ts';
import { SOCKET_CLOSE, SOCKET_PATH, type Stream } from '../../packages/protocol/src/index.ts';
import { code, page, table } from './markdown.ts';

const INTRODUCTION = `What a client may follow over the WebSocket \`${SOCKET_PATH}\`: \`{"op": "subscribe", "id": 1, "kind": …}\` with the fields below; the node answers
\`open\`, then events, until \`{"op": "unsubscribe", "id": 1}\`. The same socket carries calls of every operation. All frames, with
their schemas: [asyncapi.json](asyncapi.json).
`;

export function streamsPage(): string {
  const rows = Object.entries<Stream>(streams).map(
    ([kind, { summary, grant, input, opened, events, errors }]) => [
      code(kind),
      summary,
      grant,
      Object.keys(input).map(code).join(', '),
      [
        `open (${Object.keys(opened.shape).join(', ')})`,
        ...Object.entries(events).map(([type, { shape }]) => `${type} (${Object.keys(shape).join(', ')})`),
      ].join('; '),
      errors.map(code).join(', '),
    ],
  );
  const closes = Object.entries(SOCKET_CLOSE).map(([name, number]) => [String(number), name]);
  const body = `${INTRODUCTION}\n${table(['kind', 'what it tells', 'grant', 'fields', 'frames', 'errors of its own'], rows)}\n## Close codes\n\n${table(['code', 'why'], closes)}`;
  return page('Streams', 'packages/protocol/src/contract/contract.ts', body);
}
