import { contract } from '../../packages/protocol/src/contract/contract.ts';
import type { Route } from '../../packages/protocol/src/index.ts';
import { clientFrames, serverFrames } from './asyncapi.ts';
import { inputSchema, outputSchema, SHARED } from './wire-schemas.ts';

/** JSON Schema (2020-12) of the frames that travel as JSON, with inputs and outputs of operations and streams by their names. */
export function framesSchema(): string {
  const definitions: Record<string, unknown> = { ...SHARED };
  const operations = Object.entries<Readonly<Record<string, Route>>>(contract);
  for (const [capability, routes] of operations) {
    for (const [name, route] of Object.entries(routes)) {
      definitions[`${capability}.${name}.input`] = inputSchema(route);
      definitions[`${capability}.${name}.output`] = outputSchema(route);
    }
  }
  const sides = { ClientFrame: clientFrames([]), NodeFrame: serverFrames() };
  for (const [side, frames] of Object.entries(sides)) {
    for (const [name, { summary, payload }] of Object.entries(frames))
      definitions[`frame.${name}`] = { description: summary, ...payload };
    definitions[side] = { anyOf: Object.keys(frames).map((name) => ({ $ref: `#/$defs/frame.${name}` })) };
  }
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:p2pos:frames:1',
    title: 'Frames of the WebSocket door',
    $ref: '#/$defs/ClientFrame',
    $defs: definitions,
  };
  return `${JSON.stringify(document, undefined, 1).replaceAll('#/components/schemas/', '#/$defs/')}\n`;
}
