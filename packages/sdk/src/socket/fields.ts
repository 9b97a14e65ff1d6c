/** Inputs and outputs of operations as frames of a socket carry them; see the contract, `socket.ts`. */

import type { Operation } from '../contract/description.ts';
import { decodeAs, encodeBody, encodeFields } from '../contract/operation.ts';

/** Throws what no frame can carry as the node's own refusals; the rest is the node's to judge. */
export function encodeInput(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const wire: Record<string, unknown> = {};
  for (const { name, wire: value } of encodeFields(operation, input)) wire[name] = value;
  if (operation.body) wire['body'] = encodeBody(operation, input['body']);
  return wire;
}

/** @throws P2posError ANSWER_UNEXPECTED */
export function decodeOutput({ output }: Operation, wire: unknown, url: string): unknown {
  if ('json' in output) return decodeAs(output.json, wire, url);
  const answer = decodeAs(
    { of: Object.fromEntries(output.fields.map(([name, , , shape]) => [name, shape])) },
    wire,
    url,
  );
  return answer;
}
